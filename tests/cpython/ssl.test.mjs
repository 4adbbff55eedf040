/**
 * `ssl`: its settings. Connections are tested where the host's TLS is (runtime/tls.test.mjs).
 */
import { test } from "../harness/registry.mjs";

test("PKG-33 ssl imports and holds settings", ({ py, assert }) => {
  const found = py.runPython(`
import json, ssl
context = ssl.create_default_context()
before = [context.verify_mode.name, context.check_hostname, context.minimum_version.name, bool(context.options & ssl.OP_NO_COMPRESSION)]
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.options |= ssl.OP_NO_TICKET
context.set_ciphers("ECDHE+AESGCM")
context.set_alpn_protocols(["h2", "http/1.1"])
context.verify_flags |= ssl.VERIFY_X509_STRICT
context.hostname_checks_common_name = False
after = [context.verify_mode.name, context.check_hostname, context.minimum_version.name, bool(context.options & ssl.OP_NO_TICKET), context.hostname_checks_common_name]
json.dumps([before, after, ssl.Purpose.SERVER_AUTH.oid, len(ssl.RAND_bytes(8)), ssl.HAS_SNI, ssl.OPENSSL_VERSION.startswith("OpenSSL 3."), ssl.OPENSSL_VERSION_INFO >= (3, 0)])`);
  assert.deepEqual(JSON.parse(found), [
    ["CERT_REQUIRED", true, "TLSv1_2", true],
    ["CERT_NONE", false, "TLSv1_3", true, false],
    "1.3.6.1.5.5.7.3.1",
    8,
    true,
    true,
    true,
  ]);
});

test("PKG-33 Settings that contradict each other are refused as OpenSSL does", ({ py, assert }) => {
  assert.throws(() => py.runPython("import ssl\nssl.create_default_context().verify_mode = ssl.CERT_NONE"), /ValueError: Cannot set verify_mode to CERT_NONE when check_hostname is enabled/);
  assert.throws(() => py.runPython("import ssl\nssl.SSLContext(99)"), /ValueError: invalid or unsupported protocol version/);
  assert.throws(() => py.runPython("import ssl\nssl.create_default_context(cafile='/missing.pem')"), "FileNotFoundError");
  assert.throws(() => py.runPython("import ssl\nssl.create_default_context(cadata='no certificate')"), /ssl.SSLError: .*no start line/);
});

test("PKG-33 Certificates are counted, memory buffers buffer", ({ py, assert }) => {
  const found = py.runPython(`
import json, ssl
pem = ssl.DER_cert_to_PEM_cert(b"\\x30\\x03abc")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(cadata=pem + pem + ssl.DER_cert_to_PEM_cert(b"\\x30\\x01x"))
bio = ssl.MemoryBIO()
bio.write(b"abcdef")
read = bio.read(4).decode()
bio.write_eof()
json.dumps([context.cert_store_stats()["x509_ca"], len(context.get_ca_certs(binary_form=True)), read, bio.pending, bio.eof, bio.read().decode(), bio.eof])`);
  assert.deepEqual(JSON.parse(found), [2, 2, "abcd", 2, false, "ef", true]);
});

test("PKG-33 Libraries that import ssl at their top find what they ask for", ({ py, assert }) => {
  assert.equal(
    py.runPython("import http.client, urllib.request, smtplib, ftplib, imaplib, poplib, asyncio.sslproto\nhasattr(http.client, 'HTTPSConnection') and asyncio.sslproto.ssl is not None"),
    true,
  );
});
