"""Files that keys and passwords lie in: written so that a power cut takes none, and odd ones keep nobody waiting."""

import os
import stat
from pathlib import Path

import pytest

from erp_sync.access import read_password
from erp_sync.adapters.port import Page, Record
from erp_sync.models import ErpConnection
from erp_sync.secrets import SecretTrouble, load_keys, new_key_in, write_keys
from erp_sync.services import pull_due
from plant_app.models import Customer
from tests.erp_sync.scripted import KIND, Books


def test_new_keys_are_on_the_disk_before_they_take_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, move = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        done.append(
            "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else f"file of {os.fstat(handle).st_size}"
        )
        sync(handle)

    def replace(self: Path, target: Path) -> Path:
        done.append("replaced")
        return move(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_keys(tmp_path / "secret.keys", ["k" * 44])

    assert done == ["file of 45", "replaced", "folder"]


def test_keys_that_can_not_be_written_leave_none_lying_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_keys(tmp_path / "secret.keys", ["k" * 44])
    assert list(tmp_path.iterdir()) == []


def test_keys_changed_by_another_user_stay_with_their_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator rotates as root; the service reads the file as itself, and nobody else may."""
    file = tmp_path / "secret.keys"
    write_keys(file, ["a" * 44])
    owned: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda handle, user, group: owned.append((user, group)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    new_key_in(file)

    assert owned == [(file.stat().st_uid, file.stat().st_gid)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_to_the_keys_stays_one(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    file, link = tmp_path / "vault" / "keys", tmp_path / "secret.keys"
    write_keys(file, ["a" * 44])
    link.symlink_to(file)

    new_key_in(link)

    assert link.is_symlink()
    assert file.read_text().split()[1:] == ["a" * 44]


def test_a_file_that_is_no_text_is_no_password_and_no_key(tmp_path: Path) -> None:
    file = tmp_path / "odd"
    file.write_bytes(b"caf\xe9\n")
    file.chmod(0o600)
    assert read_password(f"file:{file}") == ("", "password file can't be read: it is no UTF-8 text")
    assert read_password("file:odd\x00name")[0] == ""
    with pytest.raises(SecretTrouble) as caught:
        load_keys(file, {})
    assert caught.value.code == "erp.secret_key_bad"


def test_a_file_caught_empty_while_it_is_rotated_is_no_password(tmp_path: Path) -> None:
    """Trying to log in without one would be a failed login, of which some ERPs bear only a few."""
    file = tmp_path / "password"
    file.write_text("\n")
    assert read_password(f"file:{file}") == ("", "password file is empty")
    file.write_text(" kept as it is \n")
    assert read_password(f"file:{file}") == (" kept as it is ", "")


def test_one_connection_with_an_odd_password_file_keeps_no_other(
    erp: Books, main: ErpConnection, tmp_path: Path
) -> None:
    file = tmp_path / "odd"
    file.write_bytes(b"caf\xe9\n")
    ErpConnection.objects.create(
        pk=main.pk - 1, code="alpha", name="Alpha", kind=KIND, password_source=f"file:{file}"
    )
    erp.pages["customers"] = [Page((Record("customers", "ALS", "1", {"name": "Alstrand"}),), "1")]

    assert pull_due() == 8
    assert Customer.objects.count() == 1
