"""A server that hands out numbered tickets."""

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class TicketServer(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), TicketHandler)
        self.issued = 0


class TicketHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        number = self.server.issued + 1
        body = f"{number}".encode()
        self.server.issued = number
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def ticket(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/ticket")
    number = int(connection.getresponse().read())
    connection.close()
    return number


def test_two_customers_have_two_tickets():
    with TicketServer() as server:
        serving = threading.Thread(target=server.serve_forever, name="server")
        serving.start()
        with ThreadPoolExecutor(max_workers=2) as customers:
            tickets = list(customers.map(ticket, [server.server_port] * 2))
        server.shutdown()
        serving.join()
    assert sorted(tickets) == [1, 2]
