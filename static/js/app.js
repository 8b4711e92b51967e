/* What every page starts. Station pages add outbox.js. */
import { startClocks } from "./clocks.js";
import { startDialogs } from "./dialogs.js";
import { startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import "./theme.js";
import { startToasts } from "./toasts.js";

startToasts();
startForms();
startDialogs();
startClocks();
startKeys();
startLive();
