"""From root to nobody in particular, once the data folder is ours.

A volume arrives owned by root, so the container starts as root; nothing that reads a stranger's bytes runs as root.
"""

import os
from pathlib import Path


def drop_privileges(data_dir: Path, *, uid: int, gid: int | None = None) -> None:
    """Hand *data_dir* to *uid* (and *gid*, the same number unless given) and become it, for good.

    Started as anyone but root, this does nothing.  Only the folder and what lies directly in it change owner: going
    through a full volume would hold up every start.  Links are not followed, for the last run could have left one
    that points out of the folder.
    """
    if os.geteuid() != 0:
        return
    gid = uid if gid is None else gid
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    for path in (data_dir, *data_dir.iterdir()):
        os.chown(path, uid, gid, follow_symlinks=False)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
