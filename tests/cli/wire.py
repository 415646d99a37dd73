# SPDX-License-Identifier: Apache-2.0
"""The control channel as cprofd would speak it, and servers that speak it wrongly.

Messages are made by Google's protobuf from proto/*.proto, so nothing here shares
code with the program under test.
"""
import gzip
import importlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _generate():
    out = tempfile.mkdtemp(prefix="cprofd-wire-")
    subprocess.run(
        ["protoc", f"-I{ROOT}/proto", f"--python_out={out}", "control.proto", "profile.proto"],
        check=True, cwd=f"{ROOT}/proto")
    sys.path.insert(0, out)
    try:
        return importlib.import_module("control_pb2"), importlib.import_module("profile_pb2")
    finally:
        sys.path.remove(out)
        subprocess.run(["rm", "-rf", out], check=True)


pb, profile_pb = _generate()


def frame(message):
    data = message.SerializeToString()
    return struct.pack("<I", len(data)) + data


class Connection:
    """One client, seen from the server."""

    def __init__(self, sock):
        self.sock = sock

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        (length,) = struct.unpack("<I", self._exactly(4))
        message = pb.ClientMessage()
        message.ParseFromString(self._exactly(length))
        return message

    def send_bytes(self, data):
        self.sock.sendall(data)

    def send(self, **kind):
        self.send_bytes(frame(pb.ServerMessage(**kind)))

    def greet(self):
        hello = self.receive().hello
        self.send(hello=pb.Hello(version=pb.VERSION, program="fake"))
        return hello

    def error(self, code, text):
        self.send(error=pb.Error(code=code, text=text))

    def profile(self, data, chunk=pb.MAX_CHUNK, **end):
        for at in range(0, len(data), chunk):
            self.send(chunk=pb.ProfileChunk(bytes=data[at:at + chunk]))
        end.setdefault("duration_ns", 2_000_000_000)
        end.setdefault("profile_bytes", len(data))
        self.send(end=pb.RecordEnd(**end))


class Server:
    """Listens at `path` and runs script(connection) for the first client."""

    def __init__(self, path, script):
        self.path = str(path)
        self.script = script
        self.failure = None
        self.result = None
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.listener.settimeout(60)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            sock, _ = self.listener.accept()
            sock.settimeout(60)
            with sock:
                self.result = self.script(Connection(sock))
        except (BrokenPipeError, ConnectionResetError, EOFError):
            pass  # a client may leave whenever it likes
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def finish(self):
        self.thread.join(60)
        self.listener.close()
        if self.failure:
            raise self.failure
        return self.result


def example_profile():
    """main -> work (3 samples), main -> rest (1 sample), of 10 ms each."""
    strings = ["", "samples", "count", "cpu", "nanoseconds", "main", "work", "rest",
               "/usr/bin/example"]
    p = profile_pb.Profile(string_table=strings, time_nanos=1, duration_nanos=2_000_000_000,
                           period=10_000_000)
    p.sample_type.add(type=1, unit=2)
    p.sample_type.add(type=3, unit=4)
    p.period_type.type, p.period_type.unit = 3, 4
    p.mapping.add(id=1, memory_start=0x1000, memory_limit=0x2000, filename=8, has_functions=True)
    for number, name in enumerate((5, 6, 7), 1):
        p.function.add(id=number, name=name, system_name=name)
        p.location.add(id=number, mapping_id=1, address=0x1000 + number).line.add(function_id=number)
    p.sample.add(location_id=[2, 1], value=[3, 30_000_000])
    p.sample.add(location_id=[3, 1], value=[1, 10_000_000])
    return gzip.compress(p.SerializeToString(), mtime=0)
