"""A bucket that speaks as much of S3 as a store needs, in this process; a whole one (moto) is a peer."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape


@dataclass
class Bucket:
    """Its objects, and what it answers from now on: a refusal (status, code) of each write after so many."""

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    #: With object lock: a write needs a checksum, and what is removed is hidden (S3, "Using Object Lock").
    locked: bool = False
    hidden: dict[str, bytes] = field(default_factory=dict)
    refuse: tuple[int, int, str] | None = None
    writes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def remove(self, key: str) -> None:
        content = self.objects.pop(key, None)
        if self.locked and content is not None:
            self.hidden[key] = content

    def refusal(self) -> tuple[int, str] | None:
        self.writes += 1
        if self.refuse is None or self.writes <= self.refuse[0]:
            return None
        return self.refuse[1], self.refuse[2]


class _Handler(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Nothing: the tests look at the bucket."""

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path.lstrip("/").partition("/")[2])

    @property
    def asked(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def failure(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def do_PUT(self) -> None:
        content, bucket = self.body(), self.bucket
        with bucket.lock:
            refused = bucket.refusal()
            if refused:
                return self.failure(*refused)
            checksum = self.headers.get("x-amz-checksum-sha256")
            if bucket.locked and checksum != b64encode(sha256(content).digest()).decode():
                return self.failure(400, "InvalidRequest")
            if "uploadId" in self.asked:
                bucket.uploads[self.asked["uploadId"]][int(self.asked["partNumber"])] = content
            else:
                bucket.objects[self.key] = content
        return self.answer(200, ETag=f'"{md5(content).hexdigest()}"')

    def do_POST(self) -> None:
        content, bucket = self.body(), self.bucket
        with bucket.lock:
            if "uploads" in self.asked:
                name = str(len(bucket.uploads))
                bucket.uploads[name] = {}
                text = f"<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
                return self.answer(200, text.encode())
            if "uploadId" in self.asked:
                parts = bucket.uploads.pop(self.asked["uploadId"])
                bucket.objects[self.key] = b"".join(parts[number] for number in sorted(parts))
                text = "<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket><Key>k</Key><ETag>e</ETag></CompleteMultipartUploadResult>"
                return self.answer(200, text.encode())
            keys = [found.text or "" for found in ET.fromstring(content).iter() if found.tag.endswith("Key")]
            for key in keys:
                bucket.remove(key)
        told = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return self.answer(200, f"<DeleteResult>{told}</DeleteResult>".encode())

    def do_DELETE(self) -> None:
        with self.bucket.lock:
            self.bucket.remove(self.key)
        self.answer(204)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self.key:
            return self.listed()
        content = self.bucket.objects.get(self.key)
        if content is None:
            return self.failure(404, "NoSuchKey")
        return self.answer(200, content, ETag='"e"', Last_Modified="Wed, 25 Nov 2026 12:00:00 GMT")

    def listed(self) -> None:
        prefix, delimiter = self.asked.get("prefix", ""), self.asked.get("delimiter", "")
        entries, folders = [], set()
        for key in sorted(self.bucket.objects):
            if not key.startswith(prefix):
                continue
            rest = key.removeprefix(prefix)
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
                continue
            size = len(self.bucket.objects[key])
            entries.append(
                f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-25T12:00:00.000Z</LastModified>"
                f"<ETag>e</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
        common = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(folders))
        head = f"<Name>b</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(entries)}</KeyCount><IsTruncated>false</IsTruncated>"
        self.answer(200, f"<ListBucketResult>{head}{''.join(entries)}{common}</ListBucketResult>".encode())


@contextmanager
def bucket_server() -> Iterator[tuple[str, Bucket]]:
    """The URL of a server with one bucket, and the bucket."""
    bucket = Bucket()
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
