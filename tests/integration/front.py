"""What stands before ingest in production: TLS, and a proxy that may be wrong."""

import io
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "localhost"

Way: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HOP = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


class Authority:
    """Who signs certificates. `path` is its own, for who trusts it."""

    def __init__(self, folder: Path, name: str = "Authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        own = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + timedelta(days=400))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def certificate(self, name: str = HOST, days: int = 90) -> Path:
        """A certificate with its key, which ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=100))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path = self._folder / f"{name}-{days}-{made.serial_number}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        return path


class Front:
    """The proxy. `way` is how it answers; `use` has it show another certificate."""

    def __init__(self, ingest_url: str, certificate: Path) -> None:
        self._ingest_url = ingest_url
        self._certificate = certificate
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.url = ""
        self.way: Way = self.pass_on
        self.use(certificate)

    def use(self, certificate: Path | None = None) -> None:
        """From now on; without one the first again."""
        self.context.load_cert_chain(certificate or self._certificate)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """As the way is now."""
        return await self.way(request)

    async def pass_on(
        self, request: web.Request, without: str = "", path: str | None = None
    ) -> web.StreamResponse:
        """To ingest, unchanged but for a header, or path and query."""
        headers = {
            name: value for name, value in request.headers.items() if name.lower() != without
        }
        target = self._ingest_url + (request.raw_path if path is None else path)
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, target, headers=headers, data=io.BytesIO(await request.read())
            ) as answer,
        ):
            kept = {
                name: value for name, value in answer.headers.items() if name.lower() not in _HOP
            }
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


@asynccontextmanager
async def front_of(ingest_url: str, certificate: Path) -> AsyncIterator[Front]:
    """One that listens."""
    front = Front(ingest_url, certificate)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", front.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=front.context).start()
        front.url = f"https://{HOST}:{runner.addresses[0][1]}"
        yield front
    finally:
        await runner.cleanup()
