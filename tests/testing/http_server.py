"""An HTTP server for tests: it answers as the file of JSON that it is given says.

    http_server.py SCRIPT LOG [CERTIFICATE KEY]

SCRIPT is an object: "/path?query" to a list of replies, of which each request takes one and the
last one stays. A reply is an object: status (200), headers ({}), body (a text, or any JSON), cut (a
number of bytes after which the connection ends), gzip (true), chunked (true). What gzip made may be
harmed, and is sent as if it were whole: trim (so many bytes less at its end), flip (the byte that
many before its end), append (a text behind it). LOG takes a line of JSON for each request. Says its
port on stdout.
"""
import gzip, http.server, json, ssl, sys, threading

script = json.load(open(sys.argv[1]))
log = open(sys.argv[2], "w", buffering=1)
taken = {}
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with lock:
            log.write(json.dumps({"path": self.path, "headers": dict(self.headers)}) + "\n")
            replies = script.get(self.path, [{"status": 404, "body": "{}"}])
            number = taken.get(self.path, 0)
            taken[self.path] = number + 1
        reply = replies[min(number, len(replies) - 1)]
        body = reply.get("body", "")
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = dict(reply.get("headers", {}))
        if reply.get("gzip"):
            body = bytearray(gzip.compress(body))
            headers["Content-Encoding"] = "gzip"
        if "flip" in reply:
            body[-reply["flip"]] ^= 1
        body = bytes(body[: len(body) - reply.get("trim", 0)]) + reply.get("append", "").encode()
        self.send_response(reply.get("status", 200))
        for name, value in headers.items():
            self.send_header(name, value)
        if reply.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if "cut" in reply:
            self.wfile.write(body[: reply["cut"]])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("port %d." % server.server_address[1], flush=True)
server.serve_forever()
