# SPDX-License-Identifier: Apache-2.0
"""Drive cprofd-symbolizer over its channel, as cprofd does: fork, shed, exec with a socket as 3.

Messages are made by Python's own protobuf from proto/symbolize.proto, compiled on the fly.
"""
import array
import importlib
import os
import socket
import struct
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOBODY = 65534


def load_protocol():
    out = tempfile.mkdtemp(prefix="cprofd-proto-")
    subprocess.run(["protoc", "--python_out=" + out, "-I" + TOP, "proto/symbolize.proto"],
                   check=True, cwd=TOP)
    sys.path.insert(0, out)
    return importlib.import_module("proto.symbolize_pb2")


pb = load_protocol()


class Gone(Exception):
    """The symbolizer closed the channel."""


class Symbolizer:
    def __init__(self, program, uid=NOBODY, gid=NOBODY, greet=True):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        exe = os.open(program, os.O_RDONLY)
        self.pid = os.fork()
        if self.pid == 0:
            self._child(exe, theirs.fileno(), uid, gid)
        os.close(exe)
        theirs.close()
        self.sock = ours
        self.last = 0
        if greet:
            assert self.hello() == pb.VERSION

    @staticmethod
    def _child(exe, channel, uid, gid):
        try:
            # both may stand at 3 now, so lift them out of the way first
            high = [os.dup2(exe, 200, inheritable=True), os.dup2(channel, 201, inheritable=True)]
            os.dup2(high[1], 3, inheritable=True)
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.execve("/proc/self/fd/200", ["cprofd-symbolizer"], {})
        finally:
            os._exit(127)

    def send(self, payload, fds=()):
        frame = struct.pack("<I", len(payload)) + payload
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.sock.sendmsg([frame], control)
        if sent < len(frame):
            self.sock.sendall(frame[sent:])

    def _take(self, n):
        got = b""
        while len(got) < n:
            more = self.sock.recv(n - len(got))
            if not more:
                raise Gone()
            got += more
        return got

    def receive(self):
        reply = pb.Reply()
        reply.ParseFromString(self._take(struct.unpack("<I", self._take(4))[0]))
        return reply

    def ask(self, request, fds=()):
        self.send(request.SerializeToString(), fds)
        return self.receive()

    def hello(self, version=None):
        request = pb.Request()
        request.hello.version = pb.VERSION if version is None else version
        return self.ask(request).hello.version

    def add(self, path_or_fd, number=None, kind=pb.ELF, build_id=b""):
        self.last += 1
        request = pb.Request()
        request.add.object = self.last if number is None else number
        request.add.kind = kind
        request.add.expected_build_id = build_id
        fd = os.open(path_or_fd, os.O_RDONLY) if isinstance(path_or_fd, str) else path_or_fd
        try:
            return self.ask(request, [fd]).info
        finally:
            if isinstance(path_or_fd, str):
                os.close(fd)

    def resolve(self, number, addresses, callers=None):
        request = pb.Request()
        request.resolve.request = 77
        request.resolve.object = number
        request.resolve.addresses.extend(addresses)
        request.resolve.callers.extend(callers or [False] * len(addresses))
        return self.ask(request).names

    def drop(self, number):
        request = pb.Request()
        request.drop.object = number
        self.send(request.SerializeToString())

    def wait(self):
        """Its wait status; the channel is closed first if it still runs."""
        self.sock.close()
        return os.waitpid(self.pid, 0)[1]
