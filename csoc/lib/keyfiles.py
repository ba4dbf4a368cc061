"""Private keys in files that only the running user may read."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


def write_private(path: Path, data: bytes) -> bool:
    """Create ``path`` (mode 0600, directory 0700) with ``data``, durably; False if it already stands."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        # link() is the atomic "create only if absent": two processes at start get one key.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)
    sync_folder(path.parent)
    return True


def destroy(path: Path) -> None:
    """Overwrite and remove a key file. Idempotent; a crash leaves zeros or no bytes, which are no key.

    An overwritten file may stay in old blocks of a copy-on-write or flash disk: encrypt the disk.
    """
    if overwrite(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def overwrite(path: Path) -> bool:
    """Write zeros over ``path`` and empty it, durably; False if it is not there."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        os.write(handle, bytes(os.fstat(handle).st_size))
        os.fsync(handle)
        os.ftruncate(handle, 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    return True


def sync_folder(folder: Path) -> None:
    """Make a new, renamed or removed name in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load_or_create_ed25519(path: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key at ``path`` (PKCS 8 PEM), made on first use.

    Errors: TypeError if the file holds another kind of key.
    """
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return load_ed25519(path)


def load_ed25519(path: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key at ``path``, which has to be there.

    Errors: FileNotFoundError, ValueError if it is no key, TypeError if it is another kind of key.
    """
    loaded = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(loaded, Ed25519PrivateKey):
        raise TypeError(f"{path.name} is not an Ed25519 key")
    return loaded
