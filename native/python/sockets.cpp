// The blocking methods of sockets.
//
// Who waits, waits for the open file and not for its number, as in life: that another thread closes the socket meanwhile
// wakes nobody, keeps the other end from hearing of it, and does not lead the call to whatever has the number next. So the
// file is held under a number of its own. A call that may wait in ways that no look can foresee (connect, sendto, sendmsg)
// is made with a socket that does not block, and made again when there is room; what the program has set as the timeout is
// back before anybody else runs.
#include "sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <poll.h>

#include <algorithm>
#include <string>

#include "loops.hpp"
#include "swap_before.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Keywords = PyObject* (*)(PyObject*, PyObject*, PyObject*);

void *o_accept, *o_recv, *o_recv_into, *o_recvfrom, *o_recvfrom_into, *o_recvmsg, *o_recvmsg_into;
void *o_send, *o_sendall, *o_sendto, *o_sendmsg, *o_gettimeout, *o_fileno;

PyTypeObject* socket_type = nullptr;

}  // namespace

bool read_socket(PyObject* self, Socket& socket) {
  shut_down_now(self);
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

bool is_socket(PyObject* object) { return socket_type != nullptr && PyObject_TypeCheck(object, socket_type); }

WithoutWaiting::WithoutWaiting(PyObject* self) : socket_(as_socket(self)), timeout_(socket_->timeout) {
  if (timeout_ < 0) {  // with a timeout it does not block the thread even so
    status_ = ::fcntl(socket_->descriptor, F_GETFL);
    if (status_ >= 0) ::fcntl(socket_->descriptor, F_SETFL, status_ | O_NONBLOCK);
  }
  socket_->timeout = 0;
}

WithoutWaiting::~WithoutWaiting() {
  const int error = errno;
  socket_->timeout = timeout_;
  if (status_ >= 0 && socket_->descriptor >= 0) ::fcntl(socket_->descriptor, F_SETFL, status_);
  errno = error;
}

int type_of(int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 ? type : 0;
}

int family_of(int descriptor) {
  int family = 0;
  socklen_t size = sizeof family;
  return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 ? family : 0;
}

bool timed_out() {
  PyErr_SetString(PyExc_TimeoutError, "timed out");
  return false;
}

namespace {

// The flags of a call, which are the argument of that number.
int flags_of(PyObject* args, PyObject* kwargs, Py_ssize_t number) {
  const auto value = [](PyObject* object) { return object != nullptr && PyLong_Check(object) ? static_cast<int>(PyLong_AsLong(object)) : 0; };
  int flags = kwargs != nullptr ? value(PyDict_GetItemString(kwargs, "flags")) : 0;
  if (args != nullptr && PyTuple_Check(args) && number < PyTuple_GET_SIZE(args)) flags |= value(PyTuple_GET_ITEM(args, number));
  if (PyErr_Occurred() == nullptr) return flags;
  PyErr_Clear();
  return 0;
}

constexpr int kMostYields = 100;

// A small packet is not held back until the last one was acknowledged: the clock would jump past what the kernel still has.
void push_out(int descriptor) {
  int on = 0;
  socklen_t size = sizeof on;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, &size) != 0) return;
  if (on == 0)
    for (const int value : {1, 0}) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
  // On a machine that is busy the other end need not have it yet: who waits for it would be ready in one execution and not in the next.
  int queued = 0;
  for (int left = kMostYields; left > 0 && ioctl(descriptor, TIOCOUTQ, &queued) == 0 && queued > 0; --left) sched_yield();
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
  if (ready == 0 && as_socket(self)->descriptor == -1) return true;  // the system's last look finds that it is closed
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
    wire_changed();
    note_waking(socket.descriptor, site);
    return result;
  }
  const bool whole = all || socket.timeout == kForever;
  const Py_ssize_t sent = send_on(socket, site, deadline_after(socket.timeout), static_cast<const char*>(buffer.buf), buffer.len, flags, whole);
  PyBuffer_Release(&buffer);
  if (sent < 0) return nullptr;
  push_out(socket.file());
  wire_changed();
  return all ? Py_NewRef(Py_None) : PyLong_FromSsize_t(sent);
}
PyObject* send(PyObject* s, PyObject* a) { return send_with(o_send, s, a, false, "y*|i:send"); }
PyObject* sendall(PyObject* s, PyObject* a) { return send_with(o_sendall, s, a, true, "y*|i:sendall"); }

// ---------------------------------------------------------------- calls of which no look can say whether they wait

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
  wire_changed();
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
  wire_changed();
  return result;
}

bool has_known_layout(PyObject* type) {
  const Inactive inactive;
  PyObject* made = PyObject_CallNoArgs(type);
  PyObject* set = made != nullptr ? PyObject_CallMethod(made, "settimeout", "d", 12.5) : nullptr;
  PyObject* number = set != nullptr ? reinterpret_cast<Plain>(o_fileno)(made, nullptr) : nullptr;
  const bool known = number != nullptr && as_socket(made)->descriptor == PyLong_AsLong(number) && as_socket(made)->family == AF_INET &&
                     as_socket(made)->type == SOCK_STREAM && as_socket(made)->timeout == 12'500'000'000;
  PyObject* closed = made != nullptr ? PyObject_CallMethod(made, "close", nullptr) : nullptr;
  for (PyObject* object : {closed, number, set, made}) Py_XDECREF(object);
  return known || (!PyErr_Occurred() && refuse("socket", "has an unexpected layout"));
}

}  // namespace

void push_out_of(int descriptor) { push_out(descriptor); }

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
                  has_known_layout(type) &&
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
                  install_connecting(type) && install_endings(type);
  socket_type = reinterpret_cast<PyTypeObject*>(type);  // which its module keeps
  Py_DECREF(type);
  Py_DECREF(module);
  return ok;
}

}  // namespace unblink
