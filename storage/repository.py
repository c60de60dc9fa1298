"""Versions of what users write, kept in a bare git repository: content-addressed, with author, time and reason.

A name's versions are the commits of its own branch `refs/heads/KIND/NAME`, each with one file. A branch moves only from the
version it was seen at, so of two writers at once both keep their version, one after the other; a crash leaves the branch
where it was. Any git reads the repository.
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dulwich.errors import NotGitRepository
from dulwich.file import FileLocked
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

from bos_core.objects.errors import ParameterError, StorageError

_FILE = b"source"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_STALE_S = 10.0  # a branch is moved in milliseconds
_TRIES, _WAIT_S = 100, 0.02  # against others who write the same name at once


@dataclass(frozen=True)
class Version:
    """A version of a name.

    Attributes:
        id: of its commit, hexadecimal; content: of its text (git's blob hash).
        at: seconds since 1970.
    """

    name: str
    id: str
    content: str
    author: str
    at: int
    reason: str


class Repository:
    """Names of some kinds, each with its versions, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, kind: str, name: str, text: str, author: str, reason: str) -> Version:
        """Keep a text as the newest version; if it is the newest already, nothing is written.

        Raises:
            ParameterError: the name cannot be one.
            StorageError: the disk refuses.
        """
        made = self.put_after(kind, name, text, author, reason, None)
        assert made is not None
        return made

    def put_after(self, kind: str, name: str, text: str, author: str, reason: str, seen: str | None) -> Version | None:
        """Keep a text as the version that follows another (empty: the first one); None where another one is the newest.

        Raises:
            ParameterError: the name cannot be one.
            StorageError: the disk refuses.
        """
        ref = _ref(kind, name)
        try:
            repo = self._made()
            blob, tree = Blob.from_string(text.encode()), Tree()
            tree.add(_FILE, 0o100644, blob.id)
            for made in (blob, tree):
                repo.object_store.add_object(made)
            for _ in range(_TRIES):
                before = _at(repo, ref)
                if seen is not None and seen != ("" if before is None else before.decode()):
                    return None
                if before is None or _commit(repo, before).tree != tree.id:
                    commit = _new(tree.id, before, author, reason)
                    repo.object_store.add_object(commit)
                    if not _moved(repo, ref, before, commit.id):
                        time.sleep(_WAIT_S)
                        continue
                    before = commit.id
                return _version(repo, name, before)
        except OSError as error:
            raise StorageError(
                f"{self._folder} cannot be written: {error.strerror}", "free the disk or folder"
            ) from None
        raise StorageError(f"{name} is being written by somebody else", "try again in ten seconds")

    def restore(self, kind: str, name: str, version: str, author: str) -> Version:
        """Make the text of an earlier version the newest one again; nothing is lost.

        Raises:
            ParameterError: there is none.
        """
        old = self.version(kind, name, version)
        return self.put(kind, name, self.text(kind, name, old.id), author, f"back to {old.id[:10]}")

    def names(self, kind: str) -> list[str]:
        """Names of a kind."""
        repo, prefix = self._open(), f"refs/heads/{kind}/"
        refs = [] if repo is None else [r.decode() for r in repo.refs.allkeys()]
        return sorted(r.removeprefix(prefix) for r in refs if r.startswith(prefix))

    def text(self, kind: str, name: str, version: str = "") -> str:
        """The text of a version whose id begins so; of the newest without one.

        Raises:
            ParameterError: there is none.
        """
        found, repo = self.version(kind, name, version), self._open()
        assert repo is not None
        blob = repo[ObjectID(found.content.encode())]
        assert isinstance(blob, Blob)
        return blob.as_raw_string().decode()

    def version(self, kind: str, name: str, version: str = "") -> Version:
        """The version whose id begins so; the newest without one.

        Raises:
            ParameterError: there is none.
        """
        every = self.history(kind, name)
        found = [v for v in every if v.id.startswith(version)]
        if not found:
            known = ", ".join(v.id[:10] for v in every[:5])
            raise ParameterError(f"{name} has no version {version!r}", f"its versions are {known}")
        return found[0]

    def history(self, kind: str, name: str) -> list[Version]:
        """All versions, newest first.

        Raises:
            ParameterError: there is none.
        """
        repo = self._open()
        at = None if repo is None else _at(repo, _ref(kind, name))
        if repo is None or at is None:
            raise ParameterError(
                f"nothing is called {name!r}", f"names are: {', '.join(self.names(kind)) or 'none yet'}"
            )
        return [_version(repo, name, k) for k in _back_from(repo, at)]

    def check(self) -> list[str]:
        """What is wrong, in words: objects that are missing, or are not what their names say."""
        repo, wrong = self._open(), []
        for ref in [] if repo is None else sorted(repo.refs.allkeys()):
            assert repo is not None
            if not ref.startswith(b"refs/heads/"):
                continue
            try:
                for at in _back_from(repo, repo.refs[ref]):
                    commit = _commit(repo, at)
                    for made in (commit, repo[commit.tree], repo[_content(repo, commit)]):
                        if type(made).from_string(made.as_raw_string()).id != made.id:
                            raise KeyError(made.id)
            except Exception as error:  # whatever reading a damaged object raises
                wrong.append(f"{ref.decode().removeprefix('refs/heads/')}: an object is missing or damaged ({error})")
        return wrong

    def _open(self) -> Repo | None:
        try:
            return Repo(str(self._folder))
        except NotGitRepository:
            return None

    def _made(self) -> Repo:
        """The repository, made under another name and renamed if there is none."""
        repo = self._open()
        if repo is None:
            fresh = self._folder.with_name(f".{self._folder.name}.{time.time_ns()}")
            Repo.init_bare(str(fresh), mkdir=True)
            try:
                fresh.rename(self._folder)
            except OSError:  # another process was faster
                shutil.rmtree(fresh, ignore_errors=True)
                if self._open() is None:
                    raise
            repo = Repo(str(self._folder))
        return repo


def _ref(kind: str, name: str) -> Ref:
    if not _NAME.fullmatch(name):
        raise ParameterError(f"{name!r} cannot be a name", "begin with a letter; letters, digits, _ and -, at most 40")
    return Ref(f"refs/heads/{kind}/{name}".encode())


def _at(repo: Repo, ref: Ref) -> ObjectID | None:
    found = repo.refs.read_ref(ref)
    return None if found is None else ObjectID(found)


def _commit(repo: Repo, at: ObjectID) -> Commit:
    found = repo[at]
    assert isinstance(found, Commit)
    return found


def _content(repo: Repo, commit: Commit) -> ObjectID:
    tree = repo[commit.tree]
    assert isinstance(tree, Tree)
    return tree[_FILE][1]


def _back_from(repo: Repo, at: ObjectID) -> Iterator[ObjectID]:
    """A version and those before."""
    while True:
        yield at
        parents = _commit(repo, at).parents
        if not parents:
            return
        at = parents[0]


def _new(tree: ObjectID, before: ObjectID | None, author: str, reason: str) -> Commit:
    made: Any = Commit()
    made.tree, made.parents = tree, [before] if before else []
    made.author = made.committer = re.sub(r"[<>\n]", " ", author).strip().encode() + b" <>"
    made.author_time = made.commit_time = int(time.time())
    made.author_timezone = made.commit_timezone = 0
    made.message = reason.encode()
    assert isinstance(made, Commit)
    return made


def _moved(repo: Repo, ref: Ref, before: ObjectID | None, to: ObjectID) -> bool:
    try:
        return repo.refs.add_if_new(ref, to) if before is None else repo.refs.set_if_equals(ref, before, to)
    except FileLocked as error:  # somebody moves it now, or was killed while moving it
        lock = Path(os.fsdecode(error.lockfilename))
        with contextlib.suppress(FileNotFoundError):
            if time.time() - lock.stat().st_mtime > _STALE_S:
                lock.unlink()
        return False


def _version(repo: Repo, name: str, at: ObjectID) -> Version:
    commit = _commit(repo, at)
    author = commit.author.decode().removesuffix(" <>")
    return Version(
        name, at.decode(), _content(repo, commit).decode(), author, commit.author_time, commit.message.decode()
    )
