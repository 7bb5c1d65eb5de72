// connect() of sockets, which may wait for a place in the queue of whoever listens.
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/un.h>

#include <cstring>
#include <memory>
#include <set>
#include <string>

#include "sockets.hpp"
#include "swap.hpp"

namespace unblink {

bool read_unix_address(PyObject* object, Address& address) {
  PyObject* path = PyUnicode_Check(object) ? PyUnicode_EncodeFSDefault(object) : PyObject_Bytes(object);
  auto& name = reinterpret_cast<sockaddr_un&>(address.name);
  const std::size_t length = path != nullptr ? static_cast<std::size_t>(PyBytes_GET_SIZE(path)) : 0;
  const bool ok = length > 0 && length < sizeof name.sun_path;
  if (ok) {
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, PyBytes_AS_STRING(path), length);
    address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + (name.sun_path[0] != 0));
  }
  Py_XDECREF(path);
  PyErr_Clear();
  return ok;
}

// A host by its number, or this machine's own name for itself: nobody else is asked.
bool read_address(int family, PyObject* object, Address& address) {
  if (family == AF_UNIX) return (PyUnicode_Check(object) || PyBytes_Check(object)) && read_unix_address(object, address);
  if (!PyTuple_Check(object) || PyTuple_GET_SIZE(object) < 2 || !PyUnicode_Check(PyTuple_GET_ITEM(object, 0))) return false;
  const char* host = PyUnicode_AsUTF8(PyTuple_GET_ITEM(object, 0));
  const long port = PyLong_AsLong(PyTuple_GET_ITEM(object, 1));
  if (PyErr_Occurred()) {
    PyErr_Clear();
    return false;
  }
  if (std::strcmp(host, "localhost") == 0) host = family == AF_INET6 ? "::1" : "127.0.0.1";
  addrinfo wanted{};
  wanted.ai_family = family;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (*host == 0 || getaddrinfo(host, std::to_string(port).c_str(), &wanted, &found) != 0) return false;
  std::memcpy(&address.name, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  freeaddrinfo(found);
  return true;
}

namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);

void *o_connect, *o_connect_ex, *o_bind;

std::set<int> own_ports;  // that sockets of this process were bound to

// Whether an address is one that this process serves: (host, port, ...) of a bound port, or a path.
bool is_own(PyObject* address) {
  if (!PyTuple_Check(address) || PyTuple_GET_SIZE(address) < 2) return PyUnicode_Check(address) || PyBytes_Check(address);
  const long port = PyLong_AsLong(PyTuple_GET_ITEM(address, 1));
  PyErr_Clear();
  return own_ports.count(static_cast<int>(port)) > 0;
}

constexpr int kInTheQueue = -1;

// Asks anew for a place in the queue of whoever listens, and says what came of it: an error, 0, or that there is none yet.
// TCP asks again by itself, but only after a second of real time.
int ask_again(int file, const Address& address) {
  if (address.name.ss_family != AF_UNIX) {
    if (is_ready(file, POLLOUT)) return 0;
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    ::connect(file, &nobody, sizeof nobody);
  }
  // The socket blocks, as far as the program can see: not for us.
  const int status = ::fcntl(file, F_GETFL);
  ::fcntl(file, F_SETFL, status | O_NONBLOCK);
  const int problem = ::connect(file, address.get(), address.size) == 0 ? 0 : errno;
  ::fcntl(file, F_SETFL, status);
  if (problem == EINPROGRESS) return is_ready(file, POLLOUT) ? 0 : kInTheQueue;
  return problem == EAGAIN || problem == EINTR ? kInTheQueue : problem;
}

// What became of a connection that was begun and waits for a place: an error, 0, or -1 with an exception.
int await_connection(Socket& socket, SiteId site, const Address& address) {
  const auto outcome = std::make_shared<int>(kInTheQueue);
  const auto look = [outcome, address](int file) {
    if (*outcome == kInTheQueue) *outcome = ask_again(file, address);
    return *outcome == kInTheQueue ? 0 : 1;
  };
  const int ready = wait_for_socket(socket, Op::kPut, site, deadline_after(socket.timeout), look);
  if (ready < 0) return -1;
  if (ready == 0) return EWOULDBLOCK;
  int problem = *outcome;
  socklen_t size = sizeof problem;
  if (problem == 0) getsockopt(socket.file(), SOL_SOCKET, SO_ERROR, &problem, &size);
  return problem;
}

int problem_of_exception() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  PyObject* number = value != nullptr ? PyObject_GetAttrString(value, "errno") : nullptr;
  const long problem = number != nullptr && PyLong_Check(number) ? PyLong_AsLong(number) : 0;
  PyErr_Clear();
  Py_XDECREF(number);
  PyErr_Restore(type, value, traceback);
  return static_cast<int>(problem);
}

PyObject* connect_waiting(void* original, PyObject* self, PyObject* argument, bool raises) {
  const auto call = [&] { return reinterpret_cast<Plain>(original)(self, argument); };
  if (!here()) return call();
  Socket socket;
  SiteId site;
  Address address;
  if (!stand_before(Op::kPut, site)) return nullptr;
  const bool own = is_own(argument);
  if (!own) note_uncontrolled(Uncontrolled::kSocket);
  if (!own || !read_socket(self, socket) || !socket.blocks() || !read_address(family_of(socket.descriptor), argument, address)) {
    PyErr_Clear();
    return call();
  }
  PyObject* result = call_without_waiting(self, socket, call);
  const int begun = result == nullptr ? (raises ? problem_of_exception() : 0) : raises ? 0 : static_cast<int>(PyLong_AsLong(result));
  if (begun != EINPROGRESS && begun != EAGAIN) return result;
  PyErr_Clear();
  Py_XDECREF(result);
  const int problem = await_connection(socket, site, address);
  if (problem < 0) return nullptr;
  if (!raises) return PyLong_FromLong(problem);
  if (problem == 0) Py_RETURN_NONE;
  if (problem == EWOULDBLOCK) {
    timed_out();
    return nullptr;
  }
  errno = problem;
  return PyErr_SetFromErrno(PyExc_OSError);
}
PyObject* connect_with(void* original, PyObject* self, PyObject* argument, bool raises) {
  PyObject* result = connect_waiting(original, self, argument, raises);
  wire_changed();
  return result;
}
PyObject* connect(PyObject* s, PyObject* a) { return connect_with(o_connect, s, a, true); }
PyObject* connect_ex(PyObject* s, PyObject* a) { return connect_with(o_connect_ex, s, a, false); }

PyObject* bind(PyObject* self, PyObject* address) {
  PyObject* result = reinterpret_cast<Plain>(o_bind)(self, address);
  Socket socket;
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (result == nullptr || !read_socket(self, socket)) return result;
  if (getsockname(socket.descriptor, reinterpret_cast<sockaddr*>(&name), &size) != 0) return result;
  if (name.ss_family == AF_INET) own_ports.insert(ntohs(reinterpret_cast<sockaddr_in*>(&name)->sin_port));
  if (name.ss_family == AF_INET6) own_ports.insert(ntohs(reinterpret_cast<sockaddr_in6*>(&name)->sin6_port));
  return result;
}

}  // namespace

bool install_connecting(PyObject* type) {
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  return swap_method(type, "connect", METH_O, f(connect), &o_connect) && swap_method(type, "connect_ex", METH_O, f(connect_ex), &o_connect_ex) &&
         swap_method(type, "bind", METH_O, f(bind), &o_bind);
}

}  // namespace unblink
