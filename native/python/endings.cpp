// How connections end. In life the end that closes first stays in the system's tables for a minute after the other has closed
// too (RFC 9293, 3.6.1: TIME-WAIT), and its port with it: some ten thousand executions of a test would leave none, and `bind`
// would fail as it never does in life. So where the other end is closed already, by all who had it, ours is closed with a
// reset, which leaves nothing behind and which nobody is there to see.
//
// A server often says first that it has sent all (`shutdown`). Nobody is there to see that either: it is put off until the
// socket is used again, and is left out if the next that comes is its end.
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "sockets.hpp"
#include "swap_before.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);

void *o_close, *o_shutdown, *o_detach, *o_fileno, *o_getpeername, *o_getsockopt, *o_setsockopt;
destructor o_finalize = nullptr;

struct PutOff {
  PyObject* socket;  // borrowed: its end takes it out
  int how;
};
std::vector<PutOff> put_off;

bool has_state(int descriptor, std::uint8_t wanted) {
  std::uint8_t state = 0;  // the first field of tcp_info
  socklen_t size = sizeof state;
  return getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &state, &size) == 0 && state == wanted;
}

// An IPv4 or IPv6 address as the system's diagnosis takes it.
bool put_address(const sockaddr_storage& name, std::uint16_t& port, std::uint32_t* address) {
  if (name.ss_family == AF_INET) {
    const auto& known = reinterpret_cast<const sockaddr_in&>(name);
    port = known.sin_port;
    std::memcpy(address, &known.sin_addr, sizeof known.sin_addr);
    return true;
  }
  const auto& known = reinterpret_cast<const sockaddr_in6&>(name);
  port = known.sin6_port;
  std::memcpy(address, &known.sin6_addr, sizeof known.sin6_addr);
  return name.ss_family == AF_INET6;
}

// Whether the socket at the other end is of this machine, and no process has it open any more. sock_diag(7)
bool other_end_is_closed(int descriptor) {
  sockaddr_storage own{}, other{};
  socklen_t own_size = sizeof own, other_size = sizeof other;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &own_size) != 0) return false;
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&other), &other_size) != 0) return false;
  struct {
    nlmsghdr header;
    inet_diag_req_v2 question;
  } request{};
  request.header = {sizeof request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0};
  request.question.sdiag_family = static_cast<std::uint8_t>(own.ss_family);
  request.question.sdiag_protocol = IPPROTO_TCP;
  request.question.idiag_states = ~0U;
  inet_diag_sockid& id = request.question.id;
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (!put_address(other, id.idiag_sport, id.idiag_src) || !put_address(own, id.idiag_dport, id.idiag_dst)) return false;
  const int system = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
  if (system < 0) return false;
  alignas(nlmsghdr) char answer[1024];
  const ssize_t size = ::send(system, &request, sizeof request, 0) == sizeof request ? ::recv(system, answer, sizeof answer, 0) : -1;
  ::close(system);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg))) || header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return false;
  const auto* found = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  return found->idiag_inode == 0 && (found->idiag_state == TCP_FIN_WAIT1 || found->idiag_state == TCP_FIN_WAIT2);
}

bool is_last(PyObject* self) {
  const int descriptor = as_socket(self)->descriptor, family = as_socket(self)->family;
  if (descriptor < 0 || (family != AF_INET && family != AF_INET6)) return false;
  const int error = errno;
  const bool last = has_state(descriptor, TCP_CLOSE_WAIT) && other_end_is_closed(descriptor);
  errno = error;
  return last;
}

bool take_out(PyObject* self, int* how = nullptr) {
  const auto found = std::find_if(put_off.begin(), put_off.end(), [self](const PutOff& one) { return one.socket == self; });
  if (found == put_off.end()) return false;
  if (how != nullptr) *how = found->how;
  put_off.erase(found);
  return true;
}

void end_without_trace(PyObject* self) {
  const int descriptor = as_socket(self)->descriptor;
  const bool known = take_out(self);
  if (!known && !(here() && is_last(self))) return;
  const linger at_once = {1, 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

// The other end sees that it is over, and all that was done before.
bool before_close(PyObject* self, PyObject* const*, Py_ssize_t) {
  if (here()) G.engine.synchronise(kWire, true);
  end_without_trace(self);
  return true;
}

void after_ending(PyObject*) { wire_changed(); }

void finalize(PyObject* self) {
  if (as_socket(self)->descriptor >= 0) end_without_trace(self);
  o_finalize(self);
}

PyObject* shutdown_socket(PyObject* self, PyObject* argument) {
  const auto original = reinterpret_cast<Plain>(o_shutdown);
  if (!here()) return original(self, argument);
  G.engine.synchronise(kWire, true);
  shut_down_now(self);
  const long how = PyLong_CheckExact(argument) ? PyLong_AsLong(argument) : -1;
  const bool sends_no_more = how == SHUT_WR || how == SHUT_RDWR;
  PyObject* result = nullptr;
  if (sends_no_more && Py_TYPE(self)->tp_finalize == finalize && is_last(self)) {
    put_off.push_back({self, static_cast<int>(how)});
    result = Py_NewRef(Py_None);
  } else {
    PyErr_Clear();
    result = original(self, argument);
  }
  wire_changed();
  return result;
}

bool before_use(PyObject* self, PyObject* const*, Py_ssize_t) {
  shut_down_now(self);
  return true;
}

// A class in Python has copied the finalizer of the one in C when it was made.
bool swap_finalizers(PyTypeObject* type) {
  destructor original = nullptr;
  if (type->tp_finalize != o_finalize && o_finalize != nullptr) return true;  // it has one of its own
  if (!swap_finalizer(type, finalize, &original)) return false;
  o_finalize = original;
  PyObject* derived = PyObject_CallMethod(reinterpret_cast<PyObject*>(type), "__subclasses__", nullptr);
  bool ok = derived != nullptr;
  for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(derived); ++i) ok = swap_finalizers(reinterpret_cast<PyTypeObject*>(PyList_GET_ITEM(derived, i)));
  Py_XDECREF(derived);
  return ok;
}

}  // namespace

void shut_down_now(PyObject* self) {
  int how = 0;
  if (put_off.empty() || !take_out(self, &how)) return;
  const int error = errno;
  ::shutdown(as_socket(self)->descriptor, how);
  errno = error;
}

bool install_endings(PyObject* type) {
  return swap_finalizers(reinterpret_cast<PyTypeObject*>(type)) && swap_before<&o_close, before_close, after_ending>(type, "close") &&
         swap_method(type, "shutdown", METH_O, reinterpret_cast<void*>(shutdown_socket), &o_shutdown) &&
         swap_before<&o_detach, before_use>(type, "detach") && swap_before<&o_fileno, before_use>(type, "fileno") &&
         swap_before<&o_getpeername, before_use>(type, "getpeername") && swap_before<&o_getsockopt, before_use>(type, "getsockopt") &&
         swap_before<&o_setsockopt, before_use>(type, "setsockopt");
}

}  // namespace unblink
