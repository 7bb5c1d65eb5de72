// The blocking methods of sockets.
//
// Who waits, waits for the open file and not for its number, as in life: that another thread closes the socket meanwhile
// wakes nobody, keeps the other end from hearing of it, and does not lead the call to whatever has the number next. So the
// file is held under a number of its own. A call that may wait in ways that no look can foresee (connect, sendto, sendmsg)
// is made with a socket that does not block, and made again when there is room; what the program has set as the timeout is
// back before anybody else runs.
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <set>
#include <string>

#include "descriptors.hpp"
#include "ground.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Keywords = PyObject* (*)(PyObject*, PyObject*, PyObject*);

void *o_accept, *o_recv, *o_recv_into, *o_recvfrom, *o_recvfrom_into, *o_recvmsg, *o_recvmsg_into;
void *o_send, *o_sendall, *o_sendto, *o_sendmsg, *o_connect, *o_connect_ex, *o_bind, *o_gettimeout, *o_settimeout, *o_fileno;

std::set<int> own_ports;  // that sockets of this process were bound to
bool knows_number = false;  // where a socket keeps its descriptor

constexpr int kHighNumbers = 512;  // for files that are held, out of the way of the program's own

struct Socket {
  int descriptor = -1;
  Nanos timeout = kForever;  // 0: does not block
  int held = -1;             // the same file, for as long as the call lasts

  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (held >= 0) ::close(held);
  }
  int file() const { return held >= 0 ? held : descriptor; }
  bool blocks() const { return descriptor >= 0 && timeout != 0; }
};

bool read_socket(PyObject* self, Socket& socket) {
  PyObject* descriptor = reinterpret_cast<Plain>(o_fileno)(self, nullptr);
  PyObject* timeout = descriptor ? reinterpret_cast<Plain>(o_gettimeout)(self, nullptr) : nullptr;
  const bool ok = timeout != nullptr;
  if (ok) {
    socket.descriptor = static_cast<int>(PyLong_AsLong(descriptor));
    if (timeout != Py_None) socket.timeout = static_cast<Nanos>(PyFloat_AsDouble(timeout) * 1e9);
  }
  Py_XDECREF(timeout);
  Py_XDECREF(descriptor);
  return ok && !PyErr_Occurred();
}

// _socket.socket begins with its descriptor.
int& number_of(PyObject* self) { return *reinterpret_cast<int*>(reinterpret_cast<char*>(self) + sizeof(PyObject)); }

// The call itself, after the wait. A call without a timeout is in the system already and ends there, though the socket was
// closed meanwhile; one with a timeout only begins now, and says that it is closed.
template <class Call>
PyObject* call_on(PyObject* self, const Socket& socket, Call call) {
  const bool closed = knows_number && socket.held >= 0 && socket.timeout == kForever && number_of(self) == -1;
  if (closed) number_of(self) = socket.held;
  PyObject* result = call();
  if (closed) number_of(self) = -1;
  return result;
}

bool timed_out() {
  PyErr_SetString(PyExc_TimeoutError, "timed out");
  return false;
}

int type_of(int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 ? type : 0;
}

// The flags of a call, which are the argument of that number.
int flags_of(PyObject* args, PyObject* kwargs, Py_ssize_t number) {
  const auto value = [](PyObject* object) { return object != nullptr && PyLong_Check(object) ? static_cast<int>(PyLong_AsLong(object)) : 0; };
  int flags = kwargs != nullptr ? value(PyDict_GetItemString(kwargs, "flags")) : 0;
  if (args != nullptr && PyTuple_Check(args) && number < PyTuple_GET_SIZE(args)) flags |= value(PyTuple_GET_ITEM(args, number));
  if (PyErr_Occurred() == nullptr) return flags;
  PyErr_Clear();
  return 0;
}

// A small packet is not held back until the last one was acknowledged: the clock would jump past what the kernel still has.
void push_out(int descriptor) {
  int on = 0;
  socklen_t size = sizeof on;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, &size) != 0 || on != 0) return;
  for (const int value : {1, 0}) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

// 1: ready, 0: the deadline passed, -1: an exception is set. `look` gets the number under which the file is held.
template <class Look>
int wait_for_socket(Socket& socket, Op op, SiteId site, Nanos deadline, Look look) {
  const int ready = look(socket.file());
  if (ready != 0) return ready;
  if (socket.held < 0) socket.held = ::fcntl(socket.descriptor, F_DUPFD_CLOEXEC, kHighNumbers);
  return wait_until_ready([look, file = socket.file()] { return look(file); }, op, site, deadline);
}

int wait_for_events(Socket& socket, short events, Op op, SiteId site, Nanos deadline) {
  return wait_for_socket(socket, op, site, deadline, [events](int file) { return is_ready(file, events); });
}

// Stands before the operation and waits until the socket is ready for it.
bool await_socket(PyObject* self, Op op, short events, Socket& socket, SiteId& site, Nanos& deadline, bool waits) {
  if (!stand_before(op, site) || !read_socket(self, socket)) return false;
  deadline = deadline_after(socket.timeout);
  if (!socket.blocks() || !waits) return true;
  const int ready = wait_for_events(socket, events, op, site, deadline);
  if (ready == 0 && knows_number && number_of(self) == -1) return true;  // the system's last look finds that it is closed
  return ready < 0 ? false : ready > 0 ? true : timed_out();
}

// ---------------------------------------------------------------- receiving

template <void** Original, Py_ssize_t Flags>
PyObject* plain_receive(PyObject* self, PyObject* args) {
  const auto original = reinterpret_cast<Plain>(*Original);
  if (!here()) return original(self, args);
  Socket socket;
  SiteId site;
  Nanos deadline;
  if (!await_socket(self, Op::kGet, POLLIN, socket, site, deadline, !(flags_of(args, nullptr, Flags) & MSG_DONTWAIT))) return nullptr;
  return call_on(self, socket, [&] { return original(self, args); });
}

template <void** Original, Py_ssize_t Flags>
PyObject* keyword_receive(PyObject* self, PyObject* args, PyObject* kwargs) {
  const auto original = reinterpret_cast<Keywords>(*Original);
  if (!here()) return original(self, args, kwargs);
  Socket socket;
  SiteId site;
  Nanos deadline;
  if (!await_socket(self, Op::kGet, POLLIN, socket, site, deadline, !(flags_of(args, kwargs, Flags) & MSG_DONTWAIT))) return nullptr;
  return call_on(self, socket, [&] { return original(self, args, kwargs); });
}

// Whether a call goes on until all is there. With a timeout the interpreter itself asks once only.
bool wants_all(PyObject* self, int flags) {
  if (!here() || !(flags & MSG_WAITALL) || (flags & (MSG_DONTWAIT | MSG_PEEK))) return false;
  Socket socket;
  const bool found = read_socket(self, socket) && socket.timeout == kForever && type_of(socket.descriptor) == SOCK_STREAM;
  PyErr_Clear();
  return found;
}

// All of it, or what came before the end. -1: an exception is set.
Py_ssize_t receive_all(PyObject* self, char* into, Py_ssize_t size, int flags) {
  Socket socket;
  SiteId site;
  Nanos deadline;
  if (!await_socket(self, Op::kGet, POLLIN, socket, site, deadline, true)) return -1;
  Py_ssize_t got = 0;
  while (got < size) {
    const ssize_t n = ::recv(socket.file(), into + got, static_cast<std::size_t>(size - got), (flags & ~MSG_WAITALL) | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && got > 0 && errno != EAGAIN && errno != EINTR)) break;
    if (n > 0) {
      got += n;
    } else if (errno == EAGAIN) {
      if (wait_for_events(socket, POLLIN, Op::kGet, site, deadline) < 0) return -1;
    } else if (errno != EINTR) {
      PyErr_SetFromErrno(PyExc_OSError);
      return -1;
    }
  }
  return got;
}

PyObject* recv(PyObject* self, PyObject* args) {
  const auto usual = plain_receive<&o_recv, 1>;
  Py_ssize_t size;
  int flags = flags_of(args, nullptr, 1);
  if (!wants_all(self, flags) || !PyArg_ParseTuple(args, "n|i:recv", &size, &flags) || size <= 0) {
    PyErr_Clear();
    return usual(self, args);
  }
  PyObject* bytes = PyBytes_FromStringAndSize(nullptr, size);
  const Py_ssize_t got = bytes != nullptr ? receive_all(self, PyBytes_AS_STRING(bytes), size, flags) : -1;
  if (got < 0) Py_CLEAR(bytes);
  if (got >= 0 && got < size) _PyBytes_Resize(&bytes, got);
  return bytes;
}

PyObject* recv_into(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"buffer", "nbytes", "flags", nullptr};
  Py_buffer buffer;
  Py_ssize_t size = 0;
  int flags = flags_of(args, kwargs, 2);
  if (!wants_all(self, flags) || !PyArg_ParseTupleAndKeywords(args, kwargs, "w*|ni:recv_into", const_cast<char**>(names), &buffer, &size, &flags)) {
    PyErr_Clear();
    return keyword_receive<&o_recv_into, 2>(self, args, kwargs);
  }
  const bool odd = size < 0 || size > buffer.len || buffer.len == 0;
  const Py_ssize_t got = odd ? -1 : receive_all(self, static_cast<char*>(buffer.buf), size > 0 ? size : buffer.len, flags);
  PyBuffer_Release(&buffer);
  if (odd) return keyword_receive<&o_recv_into, 2>(self, args, kwargs);
  return got < 0 ? nullptr : PyLong_FromSsize_t(got);
}

// ---------------------------------------------------------------- sending

// Sends as a blocking socket does: all of it, however long the other end takes. -1: an exception is set.
Py_ssize_t send_on(Socket& socket, SiteId site, Nanos deadline, const char* bytes, Py_ssize_t size, int flags, bool all) {
  Py_ssize_t sent = 0;
  do {
    const int ready = wait_for_events(socket, POLLOUT, Op::kPut, site, deadline);
    if (ready < 0) return -1;
    if (ready == 0) {
      timed_out();
      return -1;
    }
    const ssize_t n = ::send(socket.file(), bytes + sent, static_cast<std::size_t>(size - sent), flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0)
      sent += n;
    else if (errno != EAGAIN && errno != EINTR) {
      PyErr_SetFromErrno(PyExc_OSError);
      return -1;
    }
  } while (sent < size && (all || sent == 0));
  return sent;
}

PyObject* send_with(void* original, PyObject* self, PyObject* args, bool all, const char* format) {
  if (!here()) return reinterpret_cast<Plain>(original)(self, args);
  Socket socket;
  SiteId site;
  Py_buffer buffer;
  int flags = 0;
  if (!stand_before(Op::kPut, site) || !read_socket(self, socket)) return nullptr;
  if (!socket.blocks() || (flags_of(args, nullptr, 1) & MSG_DONTWAIT) || !PyArg_ParseTuple(args, format, &buffer, &flags)) {
    PyErr_Clear();
    PyObject* result = reinterpret_cast<Plain>(original)(self, args);
    if (result != nullptr) push_out(socket.descriptor);
    return result;
  }
  const bool whole = all || socket.timeout == kForever;
  const Py_ssize_t sent = send_on(socket, site, deadline_after(socket.timeout), static_cast<const char*>(buffer.buf), buffer.len, flags, whole);
  PyBuffer_Release(&buffer);
  if (sent < 0) return nullptr;
  push_out(socket.file());
  return all ? Py_NewRef(Py_None) : PyLong_FromSsize_t(sent);
}
PyObject* send(PyObject* s, PyObject* a) { return send_with(o_send, s, a, false, "y*|i:send"); }
PyObject* sendall(PyObject* s, PyObject* a) { return send_with(o_sendall, s, a, true, "y*|i:sendall"); }

// ---------------------------------------------------------------- calls of which no look can say whether they wait

bool set_timeout(PyObject* self, Nanos timeout) {
  PyObject* seconds = timeout == kForever ? Py_NewRef(Py_None) : PyFloat_FromDouble(static_cast<double>(timeout) * 1e-9);
  PyObject* done = seconds != nullptr ? reinterpret_cast<Plain>(o_settimeout)(self, seconds) : nullptr;
  Py_XDECREF(seconds);
  Py_XDECREF(done);
  return done != nullptr;
}

template <class Call>
PyObject* call_without_waiting(PyObject* self, const Socket& socket, Call call) {
  return call_on(self, socket, [&]() -> PyObject* {
    if (!set_timeout(self, 0)) return nullptr;
    PyObject* result = call();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!set_timeout(self, socket.timeout)) PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    return result;
  });
}

struct Address {
  sockaddr_storage name{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

// A path, or an abstract name.
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

int family_of(int descriptor) {
  int family = 0;
  socklen_t size = sizeof family;
  return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 ? family : 0;
}

// Whether there is room for a datagram. The queue of a receiver of one's own machine is looked at as one that is connected.
int has_room(int file, const Address& to) {
  if (to.size == 0) return is_ready(file, POLLOUT);
  const int sender = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int ready = sender < 0 || ::connect(sender, to.get(), to.size) != 0 ? 1 : is_ready(sender, POLLOUT);
  if (sender >= 0) ::close(sender);
  return ready;
}

bool would_wait() {
  if (!PyErr_ExceptionMatches(PyExc_BlockingIOError)) return false;
  PyErr_Clear();
  return true;
}

// Makes the call again and again, until it need not wait. `address` is where to, or null.
template <class Call>
PyObject* send_when_possible(PyObject* self, Socket& socket, SiteId site, Nanos deadline, PyObject* address, Call call) {
  Address to;
  if (address != nullptr && family_of(socket.descriptor) == AF_UNIX && type_of(socket.descriptor) == SOCK_DGRAM) read_unix_address(address, to);
  for (;;) {
    PyObject* result = call_without_waiting(self, socket, call);
    if (result != nullptr || !would_wait()) return result;
    const int ready = wait_for_socket(socket, Op::kPut, site, deadline, [to](int file) { return has_room(file, to); });
    if (ready > 0) continue;
    if (ready == 0) timed_out();
    return nullptr;
  }
}

PyObject* sendto(PyObject* self, PyObject* args) {
  const auto original = reinterpret_cast<Plain>(o_sendto);
  if (!here()) return original(self, args);
  Socket socket;
  SiteId site;
  Nanos deadline;
  const Py_ssize_t count = PyTuple_GET_SIZE(args);
  const int flags = count == 3 ? flags_of(args, nullptr, 1) : 0;
  if (!await_socket(self, Op::kPut, POLLOUT, socket, site, deadline, !(flags & MSG_DONTWAIT))) return nullptr;
  PyObject* result = !socket.blocks() || (flags & MSG_DONTWAIT) || count < 2
                         ? original(self, args)
                         : send_when_possible(self, socket, site, deadline, PyTuple_GET_ITEM(args, count - 1), [&] { return original(self, args); });
  if (result != nullptr) push_out(socket.file());
  return result;
}

// What of the buffers was not sent yet.
bool rest_of(PyObject* buffers, Py_ssize_t sent, std::string& rest) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(buffers); ++i) {
    Py_buffer buffer;
    if (PyObject_GetBuffer(PyTuple_GET_ITEM(buffers, i), &buffer, PyBUF_SIMPLE) != 0) return false;
    const Py_ssize_t skipped = std::min(sent, buffer.len);
    sent -= skipped;
    rest.append(static_cast<const char*>(buffer.buf) + skipped, static_cast<std::size_t>(buffer.len - skipped));
    PyBuffer_Release(&buffer);
  }
  return true;
}

// A stream without a timeout takes all of it; the first part takes the ancillary data along.
PyObject* sendmsg(PyObject* self, PyObject* args) {
  const auto original = reinterpret_cast<Plain>(o_sendmsg);
  if (!here()) return original(self, args);
  Socket socket;
  SiteId site;
  Nanos deadline;
  const int flags = flags_of(args, nullptr, 2);
  const bool waits = !(flags & MSG_DONTWAIT);
  if (!await_socket(self, Op::kPut, POLLOUT, socket, site, deadline, waits)) return nullptr;
  const Py_ssize_t count = PyTuple_GET_SIZE(args);
  PyObject* buffers = waits && socket.blocks() && count > 0 ? PySequence_Tuple(PyTuple_GET_ITEM(args, 0)) : nullptr;
  if (buffers == nullptr) {
    PyErr_Clear();
    return original(self, args);
  }
  PyObject* again = PyTuple_New(count);
  for (Py_ssize_t i = 0; again != nullptr && i < count; ++i) PyTuple_SET_ITEM(again, i, Py_NewRef(i == 0 ? buffers : PyTuple_GET_ITEM(args, i)));
  PyObject* to = count > 3 && PyTuple_GET_ITEM(args, 3) != Py_None ? PyTuple_GET_ITEM(args, 3) : nullptr;
  PyObject* result = again != nullptr ? send_when_possible(self, socket, site, deadline, to, [&] { return original(self, again); }) : nullptr;
  std::string rest;
  if (result != nullptr && socket.timeout == kForever && type_of(socket.file()) == SOCK_STREAM && rest_of(buffers, PyLong_AsSsize_t(result), rest) &&
      !rest.empty()) {
    const Py_ssize_t sent = PyLong_AsSsize_t(result);
    const Py_ssize_t more = send_on(socket, site, deadline, rest.data(), static_cast<Py_ssize_t>(rest.size()), flags, true);
    Py_SETREF(result, more < 0 ? nullptr : PyLong_FromSsize_t(sent + more));
  }
  Py_XDECREF(again);
  Py_DECREF(buffers);
  if (result != nullptr) push_out(socket.file());
  return result;
}

// ---------------------------------------------------------------- connecting

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

PyObject* connect_with(void* original, PyObject* self, PyObject* argument, bool raises) {
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

// Where it is not the one that is expected, a socket that is closed during a call is told as closed.
bool find_number(PyObject* type) {
  const Inactive inactive;
  PyObject* socket = PyObject_CallNoArgs(type);
  if (socket == nullptr) return false;
  PyObject* number = reinterpret_cast<Plain>(o_fileno)(socket, nullptr);
  knows_number = number != nullptr && PyLong_AsLong(number) == number_of(socket);
  Py_XDECREF(number);
  PyObject* closed = PyObject_CallMethod(socket, "close", nullptr);
  Py_XDECREF(closed);
  Py_DECREF(socket);
  return closed != nullptr;
}

}  // namespace

bool install_sockets() {
  PyObject* module = PyImport_ImportModule("_socket");
  PyObject* type = module ? PyObject_GetAttrString(module, "socket") : nullptr;
  if (type == nullptr) return false;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const auto original = [&](const char* name, void** slot, int flags) {  // only called, not replaced
    PyObject* found = PyObject_GetAttrString(type, name);
    if (found == nullptr) return false;
    auto* descriptor = reinterpret_cast<PyMethodDescrObject*>(found);
    *slot = reinterpret_cast<void*>(descriptor->d_method->ml_meth);
    const bool ok = descriptor->d_method->ml_flags == flags;
    Py_DECREF(found);
    return ok || refuse(name, "has an unexpected calling convention");
  };
  constexpr int kKeywords = METH_VARARGS | METH_KEYWORDS;
  const bool ok = original("gettimeout", &o_gettimeout, METH_NOARGS) && original("fileno", &o_fileno, METH_NOARGS) &&
                  original("settimeout", &o_settimeout, METH_O) && find_number(type) &&
                  swap_method(type, "_accept", METH_NOARGS, f(plain_receive<&o_accept, 99>), &o_accept) &&
                  swap_method(type, "recv", METH_VARARGS, f(recv), &o_recv) &&
                  swap_method(type, "recv_into", kKeywords, f(recv_into), &o_recv_into) &&
                  swap_method(type, "recvfrom", METH_VARARGS, f(plain_receive<&o_recvfrom, 1>), &o_recvfrom) &&
                  swap_method(type, "recvfrom_into", kKeywords, f(keyword_receive<&o_recvfrom_into, 2>), &o_recvfrom_into) &&
                  swap_method(type, "recvmsg", METH_VARARGS, f(plain_receive<&o_recvmsg, 2>), &o_recvmsg) &&
                  swap_method(type, "recvmsg_into", METH_VARARGS, f(plain_receive<&o_recvmsg_into, 2>), &o_recvmsg_into) &&
                  swap_method(type, "send", METH_VARARGS, f(send), &o_send) &&
                  swap_method(type, "sendall", METH_VARARGS, f(sendall), &o_sendall) &&
                  swap_method(type, "sendto", METH_VARARGS, f(sendto), &o_sendto) &&
                  swap_method(type, "sendmsg", METH_VARARGS, f(sendmsg), &o_sendmsg) &&
                  swap_method(type, "connect", METH_O, f(connect), &o_connect) &&
                  swap_method(type, "connect_ex", METH_O, f(connect_ex), &o_connect_ex) &&
                  swap_method(type, "bind", METH_O, f(bind), &o_bind);
  Py_DECREF(type);
  Py_DECREF(module);
  return ok;
}

}  // namespace unblink
