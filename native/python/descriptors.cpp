// Waiting on descriptors: select, poll, epoll, and the blocking methods of sockets.
//
// A call that would block first looks; ready at once, it is a normal step. Otherwise the task waits, others run,
// and whoever waits is looked at again when nobody else can go on, before the virtual clock moves. Where the other
// end may be outside of control (another process, a thread that is none of ours), real time is given to it first.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <set>

#include "descriptors.hpp"
#include "ground.hpp"
#include "loops.hpp"
#include "swap_before.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Keywords = PyObject* (*)(PyObject*, PyObject*, PyObject*);
using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

void *o_select, *o_poll, *o_epoll_poll, *o_epoll_register, *o_poll_register;
void *o_accept, *o_recv, *o_recv_into, *o_recvfrom, *o_recvfrom_into, *o_recvmsg, *o_recvmsg_into;
void *o_send, *o_sendall, *o_sendto, *o_sendmsg, *o_connect, *o_connect_ex, *o_bind, *o_gettimeout, *o_fileno;

std::set<int> own_ports;  // that sockets of this process were bound to

// 1: ready, 0: the deadline passed, -1: an exception is set.
int wait_until_ready(const Probe& probe, Op op, SiteId site, Nanos deadline) {
  for (;;) {
    const int ready = probe();
    if (ready != 0) return ready;
    if (deadline <= G.engine.now()) return 0;
    Task& task = G.me();
    task.probe = probe;
    const bool ok = go(G.engine.wait(op, site, kNoKey, deadline));
    G.me().probe = nullptr;
    if (!ok) return -1;
    G.engine.synchronise(kWire, false);
    if (G.engine.timed_out()) return probe();
  }
}

bool stand_before(Op op, SiteId& site) {
  site = site_of_call(op);
  if (points_on() && !go(G.engine.point(op, site, kNoKey))) return false;
  G.engine.synchronise(kWire, true);
  G.used_descriptors = true;
  return true;
}

// ---------------------------------------------------------------- select, poll, epoll

bool any_ready(PyObject* result) {
  if (PyList_Check(result)) return PyList_GET_SIZE(result) > 0;
  for (Py_ssize_t i = 0; PyTuple_Check(result) && i < PyTuple_GET_SIZE(result); ++i)
    if (PyObject_Length(PyTuple_GET_ITEM(result, i)) > 0) return true;
  return false;
}

// `look` calls the original with a timeout of zero. Its result is kept, for an event may be told only once.
template <class Look>
PyObject* wait_for_events(Look look, Nanos timeout) {
  SiteId site;
  if (!stand_before(Op::kGet, site)) return nullptr;
  const auto result = std::make_shared<PyObject*>(nullptr);
  const Probe probe = [look, result]() -> int {
    if (*result != nullptr && any_ready(*result)) return 1;
    Py_XSETREF(*result, look());
    if (*result == nullptr) return -1;
    return any_ready(*result) ? 1 : 0;
  };
  const int ready = timeout == 0 ? probe() : wait_until_ready(probe, Op::kGet, site, deadline_after(timeout));
  if (ready < 0) {
    if (!PyErr_Occurred()) return look();  // raises in the task's own name
    Py_CLEAR(*result);
  }
  return *result;
}

// What an event loop watches from now on.
bool before_register(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (!here() || count < 1) return true;
  const int descriptor = PyObject_AsFileDescriptor(args[0]);
  if (descriptor < 0) PyErr_Clear();
  note_watched(self, descriptor);
  return true;
}

PyObject* zero() {
  static PyObject* number = PyLong_FromLong(0);
  return number;
}

// Milliseconds, None or negative for ever. False: leave it to the original.
bool milliseconds(PyObject* object, double unit, Nanos& timeout) {
  timeout = kForever;
  if (object == nullptr || object == Py_None) return true;
  const double value = PyFloat_AsDouble(object);
  if (value == -1.0 && PyErr_Occurred()) {
    PyErr_Clear();
    return false;
  }
  if (value < 0) return true;
  timeout = value * unit > 9e18 ? kForever : static_cast<Nanos>(value * unit);
  return true;
}

PyObject* select_select(PyObject* module, PyObject* const* args, Py_ssize_t count) {
  const auto original = reinterpret_cast<Fast>(o_select);
  Nanos timeout = kForever;
  const bool usual = here() && (count == 3 || (count == 4 && milliseconds(args[3], 1e9, timeout)));
  if (!usual || (count == 4 && args[3] != Py_None && PyFloat_AsDouble(args[3]) < 0)) return original(module, args, count);
  // The lists may be iterators, which can be looked at once only.
  PyObject* lists[3];
  for (int i = 0; i < 3; ++i) {
    lists[i] = PySequence_List(args[i]);
    if (lists[i] == nullptr) {
      for (int j = 0; j < i; ++j) Py_DECREF(lists[j]);
      PyErr_Clear();
      return original(module, args, count);  // raises
    }
  }
  PyObject* result = wait_for_events(
      [=, reads = lists[0], writes = lists[1], errors = lists[2]] {
        PyObject* looked[] = {reads, writes, errors, zero()};
        return original(module, looked, 4);
      },
      timeout);
  for (PyObject* list : lists) Py_DECREF(list);
  return result;
}

PyObject* poll_poll(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto original = reinterpret_cast<Fast>(o_poll);
  Nanos timeout;
  if (!here() || count > 1 || !milliseconds(count == 1 ? args[0] : nullptr, 1e6, timeout)) return original(self, args, count);
  const auto look = [=] {
    PyObject* looked[] = {zero()};
    return original(self, looked, 1);
  };
  EventLoop* loop = G.quiet == 0 ? loop_of_selector(self) : nullptr;
  return loop != nullptr ? select_in_loop(*loop, look, timeout) : wait_for_events(look, timeout);
}

PyObject* epoll_poll(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  const auto original = reinterpret_cast<FastKeywords>(o_epoll_poll);
  PyObject *timeout_object = count > 0 ? args[0] : nullptr, *most = count > 1 ? args[1] : nullptr;
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  bool usual = here() && count <= 2;
  for (Py_ssize_t i = 0; i < named; ++i) {
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), "timeout") == 0)
      timeout_object = args[count + i];
    else if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), "maxevents") == 0)
      most = args[count + i];
    else
      usual = false;
  }
  Nanos timeout;
  if (!usual || !milliseconds(timeout_object, 1e9, timeout)) return original(self, args, count, names);
  const auto look = [=] {
    PyObject* looked[] = {zero(), most};
    return original(self, looked, most == nullptr ? 1 : 2, nullptr);
  };
  EventLoop* loop = G.quiet == 0 ? loop_of_selector(self) : nullptr;
  return loop != nullptr ? select_in_loop(*loop, look, timeout) : wait_for_events(look, timeout);
}

// ---------------------------------------------------------------- sockets

struct Socket {
  int descriptor = -1;
  Nanos timeout = kForever;  // 0: does not block
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

int is_ready(int descriptor, short events) {
  pollfd entry = {descriptor, events, 0};
  const int found = ::poll(&entry, 1, 0);
  return found != 0 ? 1 : 0;  // an error is for the call itself to tell
}

bool timed_out() {
  PyErr_SetString(PyExc_TimeoutError, "timed out");
  return false;
}

// Whether a call says that it does not want to wait, by its flags, which are the argument of that number.
bool says_not_to_wait(PyObject* args, PyObject* kwargs, Py_ssize_t number) {
  const auto has = [](PyObject* object) {
    return object != nullptr && PyLong_Check(object) && (PyLong_AsLong(object) & MSG_DONTWAIT) != 0 && !PyErr_Occurred();
  };
  bool found = kwargs != nullptr && has(PyDict_GetItemString(kwargs, "flags"));
  const Py_ssize_t count = args != nullptr && PyTuple_Check(args) ? PyTuple_GET_SIZE(args) : 0;
  if (number < count) found = found || has(PyTuple_GET_ITEM(args, number));
  PyErr_Clear();
  return found;
}

// A small packet is not held back until the last one was acknowledged: the clock would jump past what the kernel still has.
void push_out(int descriptor) {
  int on = 0;
  socklen_t size = sizeof on;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, &size) != 0 || on != 0) return;
  for (const int value : {1, 0}) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

// Stands before the operation and waits until the socket is ready for it.
bool await_socket(PyObject* self, Op op, short events, Socket& socket, bool waits) {
  SiteId site;
  if (!read_socket(self, socket) || !stand_before(op, site)) return false;
  if (socket.descriptor < 0 || socket.timeout == 0 || !waits) return true;
  const Probe probe = [descriptor = socket.descriptor, events] { return is_ready(descriptor, events); };
  const int ready = wait_until_ready(probe, op, site, deadline_after(socket.timeout));
  return ready < 0 ? false : ready > 0 ? true : timed_out();
}

template <void** Original, int Kind, Py_ssize_t Flags>  // Kind 0: receives, 1: sends
PyObject* plain_call(PyObject* self, PyObject* args) {
  Socket socket;
  const bool ours = here();
  const bool waits = ours && !says_not_to_wait(args, nullptr, Flags);
  if (ours && !await_socket(self, Kind ? Op::kPut : Op::kGet, Kind ? POLLOUT : POLLIN, socket, waits)) return nullptr;
  PyObject* result = reinterpret_cast<Plain>(*Original)(self, args);
  if (Kind && ours && result != nullptr) push_out(socket.descriptor);
  return result;
}

template <void** Original, Py_ssize_t Flags>
PyObject* keyword_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  Socket socket;
  if (here() && !await_socket(self, Op::kGet, POLLIN, socket, !says_not_to_wait(args, kwargs, Flags))) return nullptr;
  return reinterpret_cast<Keywords>(*Original)(self, args, kwargs);
}

// Sends as a blocking socket does: all of it, however long the other end takes.
Py_ssize_t send_waiting(PyObject* self, const char* bytes, Py_ssize_t size, int flags, bool all) {
  Socket socket;
  SiteId site;
  if (!read_socket(self, socket) || !stand_before(Op::kPut, site)) return -1;
  const Probe probe = [descriptor = socket.descriptor] { return is_ready(descriptor, POLLOUT); };
  const Nanos deadline = deadline_after(socket.timeout);
  Py_ssize_t sent = 0;
  do {
    const int ready = wait_until_ready(probe, Op::kPut, site, deadline);
    if (ready < 0) return -1;
    if (ready == 0) {
      timed_out();
      return -1;
    }
    const ssize_t n = ::send(socket.descriptor, bytes + sent, static_cast<std::size_t>(size - sent), flags | MSG_DONTWAIT | MSG_NOSIGNAL);
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
  Socket socket;
  if (!here()) return reinterpret_cast<Plain>(original)(self, args);
  if (!read_socket(self, socket)) return nullptr;
  Py_buffer buffer;
  int flags = 0;
  if (socket.descriptor < 0 || socket.timeout == 0 || says_not_to_wait(args, nullptr, 1) || !PyArg_ParseTuple(args, format, &buffer, &flags)) {
    if (PyErr_Occurred()) PyErr_Clear();
    SiteId site;
    if (!stand_before(Op::kPut, site)) return nullptr;
    PyObject* result = reinterpret_cast<Plain>(original)(self, args);
    if (result != nullptr) push_out(socket.descriptor);
    return result;
  }
  const Py_ssize_t sent = send_waiting(self, static_cast<const char*>(buffer.buf), buffer.len, flags, all || socket.timeout == kForever);
  PyBuffer_Release(&buffer);
  if (sent < 0) return nullptr;
  push_out(socket.descriptor);
  return all ? Py_NewRef(Py_None) : PyLong_FromSsize_t(sent);
}
PyObject* send(PyObject* s, PyObject* a) { return send_with(o_send, s, a, false, "y*|i:send"); }
PyObject* sendall(PyObject* s, PyObject* a) { return send_with(o_sendall, s, a, true, "y*|i:sendall"); }

// Whether an address is one that this process serves: (host, port, ...) of a bound port, or a path.
bool is_own(PyObject* address) {
  if (!PyTuple_Check(address) || PyTuple_GET_SIZE(address) < 2) return PyUnicode_Check(address) || PyBytes_Check(address);
  const long port = PyLong_AsLong(PyTuple_GET_ITEM(address, 1));
  PyErr_Clear();
  return own_ports.count(static_cast<int>(port)) > 0;
}

PyObject* connect_with(void* original, PyObject* self, PyObject* address) {
  if (here()) {
    SiteId site;
    if (!stand_before(Op::kPut, site)) return nullptr;
    if (!is_own(address)) note_uncontrolled(Uncontrolled::kSocket);
  }
  return reinterpret_cast<Plain>(original)(self, address);
}
PyObject* connect(PyObject* s, PyObject* a) { return connect_with(o_connect, s, a); }
PyObject* connect_ex(PyObject* s, PyObject* a) { return connect_with(o_connect_ex, s, a); }

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

int await_probe(const Probe& probe, Op op, Nanos deadline) {
  SiteId site;
  return stand_before(op, site) ? wait_until_ready(probe, op, site, deadline) : -1;
}

int await_descriptor_until(int descriptor, short events, Op op, Nanos deadline) {
  return await_probe([descriptor, events] { return is_ready(descriptor, events); }, op, deadline);
}

bool await_descriptor(int descriptor, short events, Op op) { return await_descriptor_until(descriptor, events, op, kForever) >= 0; }

// Looks at every task that waits on a descriptor; whether one of them can go on.
bool wake_probing() {
  bool woken = false;
  for (std::size_t i = 0; i < G.task_count; ++i) {
    const auto id = static_cast<TaskId>(i);
    Task& task = G.task(id);
    const TaskId actor = G.engine.task(id).acting;
    if (task.ended || !task.probe || G.engine.task(actor).state != TaskState::kWaiting) continue;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    {
      Inactive inactive;
      const int found = task.probe();
      if (found != 0 && found != kOthersCanGoOn) G.engine.wake(actor);  // an error, too, is for the task to see
      woken = woken || found != 0;
      PyErr_Clear();
    }
    PyErr_Restore(type, value, traceback);
  }
  return woken;
}

bool anyone_probes() {
  for (std::size_t i = 0; i < G.task_count; ++i)
    if (!G.tasks[i]->ended && static_cast<bool>(G.tasks[i]->probe)) return true;
  return false;
}

bool install_descriptors() {
  PyObject* select = PyImport_ImportModule("select");
  PyObject* poll_object = select ? PyObject_CallMethod(select, "poll", nullptr) : nullptr;
  PyObject* epoll = poll_object ? PyObject_GetAttrString(select, "epoll") : nullptr;
  PyObject* module = epoll ? PyImport_ImportModule("_socket") : nullptr;
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
  PyObject* poll_type = reinterpret_cast<PyObject*>(Py_TYPE(poll_object));
  constexpr int kKeywords = METH_VARARGS | METH_KEYWORDS;
  const bool ok =
      original("gettimeout", &o_gettimeout, METH_NOARGS) && original("fileno", &o_fileno, METH_NOARGS) &&
      swap_method(select, "select", METH_FASTCALL, f(select_select), &o_select) &&
      swap_method(poll_type, "poll", METH_FASTCALL, f(poll_poll), &o_poll) &&
      swap_before<&o_epoll_register, before_register>(epoll, "register") &&
      swap_before<&o_poll_register, before_register>(poll_type, "register") &&
      swap_method(epoll, "poll", METH_FASTCALL | METH_KEYWORDS, f(epoll_poll), &o_epoll_poll) &&
      swap_method(type, "_accept", METH_NOARGS, f(plain_call<&o_accept, 0, 99>), &o_accept) &&
      swap_method(type, "recv", METH_VARARGS, f(plain_call<&o_recv, 0, 1>), &o_recv) &&
      swap_method(type, "recv_into", kKeywords, f(keyword_call<&o_recv_into, 2>), &o_recv_into) &&
      swap_method(type, "recvfrom", METH_VARARGS, f(plain_call<&o_recvfrom, 0, 1>), &o_recvfrom) &&
      swap_method(type, "recvfrom_into", kKeywords, f(keyword_call<&o_recvfrom_into, 2>), &o_recvfrom_into) &&
      swap_method(type, "recvmsg", METH_VARARGS, f(plain_call<&o_recvmsg, 0, 2>), &o_recvmsg) &&
      swap_method(type, "recvmsg_into", METH_VARARGS, f(plain_call<&o_recvmsg_into, 0, 2>), &o_recvmsg_into) &&
      swap_method(type, "send", METH_VARARGS, f(send), &o_send) &&
      swap_method(type, "sendall", METH_VARARGS, f(sendall), &o_sendall) &&
      swap_method(type, "sendto", METH_VARARGS, f(plain_call<&o_sendto, 1, 1>), &o_sendto) &&
      swap_method(type, "sendmsg", METH_VARARGS, f(plain_call<&o_sendmsg, 1, 2>), &o_sendmsg) &&
      swap_method(type, "connect", METH_O, f(connect), &o_connect) &&
      swap_method(type, "connect_ex", METH_O, f(connect_ex), &o_connect_ex) &&
      swap_method(type, "bind", METH_O, f(bind), &o_bind);
  Py_DECREF(type);
  Py_DECREF(module);
  Py_DECREF(epoll);
  Py_DECREF(poll_object);
  Py_DECREF(select);
  return ok;
}

}  // namespace unblink
