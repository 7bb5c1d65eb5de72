// A socket of the program in one call of it; what sockets.cpp and connecting.cpp share.
#pragma once
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>

#include "descriptors.hpp"

namespace unblink {

inline constexpr int kHighNumbers = 512;  // for files that are held, out of the way of the program's own

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

bool read_socket(PyObject* self, Socket& socket);
int type_of(int descriptor);
int family_of(int descriptor);
bool timed_out();  // raises it: false

bool is_socket(PyObject* object);
inline compat::Socket* as_socket(PyObject* self) { return reinterpret_cast<compat::Socket*>(self); }

// For as long as this lives the socket does not block. Its timeout is exchanged where it is kept, for the interpreter rounds
// it up whenever it is set; nobody else may run meanwhile.
class WithoutWaiting {
 public:
  explicit WithoutWaiting(PyObject* self);
  WithoutWaiting(const WithoutWaiting&) = delete;
  WithoutWaiting& operator=(const WithoutWaiting&) = delete;
  ~WithoutWaiting();

 private:
  compat::Socket* socket_;
  std::int64_t timeout_;
  int status_ = -1;
};

// The call itself, after the wait. A call without a timeout is in the system already and ends there, though the socket was
// closed meanwhile; one with a timeout only begins now, and says that it is closed.
template <class Call>
PyObject* call_on(PyObject* self, const Socket& socket, Call call) {
  const bool closed = socket.held >= 0 && socket.timeout == kForever && as_socket(self)->descriptor == -1;
  if (closed) as_socket(self)->descriptor = socket.held;
  PyObject* result = call();
  if (closed) as_socket(self)->descriptor = -1;
  return result;
}

// 1: ready, 0: the deadline passed, -1: an exception is set. `look` gets the number under which the file is held.
template <class Look>
int wait_for_socket(Socket& socket, Op op, SiteId site, Nanos deadline, Look look) {
  const int ready = look(socket.file());
  if (ready != 0) return ready;
  if (socket.held < 0) socket.held = ::fcntl(socket.descriptor, F_DUPFD_CLOEXEC, kHighNumbers);
  return wait_until_ready([look, file = socket.file()] { return look(file); }, op, site, deadline);
}

template <class Call>
PyObject* call_without_waiting(PyObject* self, const Socket& socket, Call call) {
  return call_on(self, socket, [&] {
    const WithoutWaiting guard(self);
    return call();
  });
}

struct Address {
  sockaddr_storage name{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};
bool read_unix_address(PyObject* object, Address& address);  // a path, or an abstract name
// Of this machine, without asking anybody: false where that cannot be.
bool read_address(int family, PyObject* object, Address& address);

// endings.cpp: installs close and shutdown. Before a socket is used again: what was put off is done.
bool install_endings(PyObject* type);
void shut_down_now(PyObject* self);

// connecting.cpp: installs connect, connect_ex and bind.
bool install_connecting(PyObject* type);

}  // namespace unblink
