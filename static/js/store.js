/* The station's drawer: reports kept on this device until the server has them. IndexedDB, one store, keyed by UUID. */
const NAME = "execlayer";
const STORE = "outbox";
let opened = null;

function open() {
  opened ||= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => {
      opened = null;
      reject(request.error);
    };
  });
  return opened;
}

async function run(mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode, { durability: "strict" });
    const request = work(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

export const put = (item) => run("readwrite", (store) => store.put(item));
export const remove = (id) => run("readwrite", (store) => store.delete(id));
export const one = (id) => run("readonly", (store) => store.get(id));
export const all = async () => (await run("readonly", (store) => store.getAll())).sort((a, b) => a.at - b.at);

/** Ask the browser not to clear the drawer when the tablet runs short of space. */
export const keep = () => navigator.storage?.persist?.().catch(() => false);
