// Files as shared state: names in directories, contents, and flock.
//
// A directory is a container and each name in it an item; what a regular file holds is a location of its own, known by device
// and inode, however it was opened. The interpreter's audit events say just before a name is looked up, made or removed;
// what has none (stat, access) and what moves bytes is taken over. No race is told of files, for they may be locked in ways
// that nobody sees. Reading and writing what is no regular file (a pipe, a terminal) may block, and waits as a task.
#include "files.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cstring>
#include <string>
#include <unordered_map>

#include "descriptors.hpp"
#include "locations.hpp"
#include "sites.hpp"
#include "swap_before.hpp"

namespace unblink {
namespace {

using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

void *o_stat, *o_lstat, *o_access, *o_read, *o_write, *o_sendfile, *o_close;
void *o_file_read, *o_file_readall, *o_file_readinto, *o_file_write, *o_file_truncate, *o_file_close;
void* o_flock;

Key number_of(const struct stat& status, Key what) {
  return mix(mix(static_cast<Key>(status.st_dev), static_cast<Key>(status.st_ino)), what) | kUntold;
}
Key contents_of(const struct stat& status) { return number_of(status, 0x636f6e74656e74ULL); }
Key directory_of(const struct stat& status) { return number_of(status, 0x64697265ULL); }
Key flock_of(const struct stat& status) { return number_of(status, 0x666c6f636bULL) & ~1ULL; }

bool is_watched() { return here() && points_on() && G.live; }

// A path as bytes; empty if it is none (a descriptor, an object whose __fspath__ is the program's).
std::string path_of(PyObject* object) {
  if (PyUnicode_Check(object)) {
    const char* text = PyUnicode_AsUTF8(object);
    if (text == nullptr) PyErr_Clear();
    return text == nullptr ? std::string() : std::string(text);
  }
  if (PyBytes_Check(object)) return PyBytes_AS_STRING(object);
  static PyObject* pure_path = [] {
    PyObject* module = PyImport_ImportModule("pathlib");
    PyObject* type = module ? PyObject_GetAttrString(module, "PurePath") : nullptr;
    Py_XDECREF(module);
    return type;
  }();
  if (pure_path == nullptr || !PyType_IsSubtype(Py_TYPE(object), reinterpret_cast<PyTypeObject*>(pure_path))) return {};
  Inactive inactive;
  PyObject* text = PyOS_FSPath(object);
  const char* bytes = text != nullptr && PyUnicode_Check(text) ? PyUnicode_AsUTF8(text) : nullptr;
  const std::string path = bytes == nullptr ? "" : bytes;
  Py_XDECREF(text);
  PyErr_Clear();
  return path;
}

struct Entry {
  Key name = kNoKey, directory = kNoKey;
};

// The name in its directory: the directory may be reached by any path.
Entry entry_of(const std::string& path) {
  std::string stem = path;
  while (stem.size() > 1 && stem.back() == '/') stem.pop_back();
  const auto slash = stem.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : stem.substr(0, slash);
  struct stat status;
  if (stem.empty() || ::stat(directory.c_str(), &status) != 0) return {};
  const Key whole = directory_of(status);
  const std::string name = slash == std::string::npos ? stem : stem.substr(slash + 1);
  return {mix(whole, std::hash<std::string>{}(name)) | kUntold, whole};
}

Op op_of(Effect access) { return access == Effect::kRead ? Op::kRead : access == Effect::kWrite ? Op::kWrite : Op::kUpdate; }

// One operation on `key`, and on `whole` as a part of it.
bool visit(Effect access, Key key, Key whole, PyObject* shown) {
  const Op op = op_of(access);
  const SiteId site = site_of_call(op);
  if (site == kImportSite || key == kNoKey) return true;
  const bool writes = access != Effect::kRead;
  if (G.engine.is_hot(site) && !go(G.engine.point(op, site, key))) return false;
  if (G.engine.is_hot(site) && whole != kNoKey) G.engine.comes_to(whole, op);
  G.engine.access(key, site, writes, false);
  if (whole != kNoKey) G.engine.access(whole, site, writes, true);
  G.engine.synchronise(key, writes);  // programs keep each other out by files that are there or not, and tell each other by them
  if (G.observer != nullptr) observe(op, site, shown, Py_None);
  return true;
}

bool visit_name(Effect access, PyObject* path) {
  const Entry entry = entry_of(path_of(path));
  return visit(access, entry.name, entry.directory, path);
}

bool visit_directory(PyObject* path) {
  struct stat status;
  const std::string name = path_of(path);
  if (::stat(name.empty() ? "." : name.c_str(), &status) != 0) return true;
  return visit(Effect::kRead, directory_of(status), kNoKey, path);
}

// What is read or written of an open file; a file that no name leads to is its owner's alone.
bool visit_contents(int descriptor, Effect access, PyObject* shown) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) return true;
  if (S_ISREG(status.st_mode)) return status.st_nlink == 0 || visit(access, contents_of(status), kNoKey, shown);
  if (S_ISDIR(status.st_mode)) return true;
  const bool reads = access == Effect::kRead;
  return await_descriptor(descriptor, reads ? POLLIN : POLLOUT, reads ? Op::kGet : Op::kPut);
}

// ---------------------------------------------------------------- functions that are taken over

bool before_stat(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return !is_watched() || count < 1 || visit_name(Effect::kRead, args[0]);
}

int descriptor_of(PyObject* const* args, Py_ssize_t count) {
  if (!is_watched() || count < 1 || !PyLong_CheckExact(args[0])) return -1;
  const long descriptor = PyLong_AsLong(args[0]);
  if (descriptor == -1) PyErr_Clear();
  return static_cast<int>(descriptor);
}

bool before_read(PyObject*, PyObject* const* args, Py_ssize_t count) {
  const int descriptor = descriptor_of(args, count);
  return descriptor < 0 || visit_contents(descriptor, Effect::kRead, args[0]);
}

// What would block is made non-blocking for the one call, in which nobody else runs.
int unblocked = -1, flags_before = 0;
bool unblock(int descriptor) {
  struct stat status;
  const int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK) != 0 || ::fstat(descriptor, &status) != 0 || S_ISREG(status.st_mode)) return false;
  unblocked = descriptor;
  flags_before = flags;
  fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
  return true;
}
void block_again() {
  if (unblocked < 0) return;
  const int error = errno;
  fcntl(unblocked, F_SETFL, flags_before);
  unblocked = -1;
  errno = error;
}

// Writes all to a pipe or a socket, as a blocking write does, however slowly it is read.
PyObject* os_write(PyObject* module, PyObject* const* args, Py_ssize_t count) {
  const auto original = reinterpret_cast<Fast>(o_write);
  const int descriptor = descriptor_of(args, count);
  if (descriptor < 0 || count != 2) return original(module, args, count);
  if (!visit_contents(descriptor, Effect::kUpdate, args[0])) return nullptr;
  Py_buffer buffer;
  if (!PyObject_CheckBuffer(args[1]) || PyObject_GetBuffer(args[1], &buffer, PyBUF_SIMPLE) != 0) {
    PyErr_Clear();
    return original(module, args, count);
  }
  Py_ssize_t done = 0;
  bool ok = true;
  while (unblock(descriptor)) {
    const ssize_t n = ::write(descriptor, static_cast<const char*>(buffer.buf) + done, static_cast<std::size_t>(buffer.len - done));
    block_again();
    done += n > 0 ? n : 0;
    const int error = errno;
    if (n > 0) wire_changed();
    errno = error;
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      if (done == 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        ok = false;
      }
      break;
    }
    if (done == buffer.len) break;
    if (!await_descriptor(descriptor, POLLOUT, Op::kPut)) {
      ok = false;
      break;
    }
  }
  PyBuffer_Release(&buffer);
  if (ok && done == 0) return original(module, args, count);  // a regular file, or one that does not block anyway
  return ok ? PyLong_FromSsize_t(done) : nullptr;
}

PyObject* send_file(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  const auto original = reinterpret_cast<FastKeywords>(o_sendfile);
  const int descriptor = descriptor_of(args, count);
  if (descriptor < 0) return original(module, args, count, names);
  for (;;) {
    if (!await_descriptor(descriptor, POLLOUT, Op::kPut)) return nullptr;
    const bool ours = unblock(descriptor);
    PyObject* sent = original(module, args, count, names);
    block_again();
    if (sent != nullptr || !ours || !PyErr_ExceptionMatches(PyExc_BlockingIOError)) return sent;
    PyErr_Clear();
  }
}

void after_file_transfer(PyObject*) { block_again(); }

template <bool Reads>
bool before_file_transfer(PyObject* self, PyObject* const*, Py_ssize_t) {
  if (!is_watched()) return true;
  const int descriptor = compat::file_descriptor(self);
  if (descriptor < 0) return true;
  PyObject* name = PyObject_GetAttrString(self, "name");
  if (name == nullptr) PyErr_Clear();
  const bool ok = visit_contents(descriptor, Reads ? Effect::kRead : Effect::kUpdate, name == nullptr ? Py_None : name);
  Py_XDECREF(name);
  if (ok && !Reads) unblock(descriptor);  // the buffer above writes the rest
  return ok;
}

// Reads to the end. Of what is no regular file that is piece by piece, for each may have to be waited for.
PyObject* file_readall(PyObject* self, PyObject* none) {
  const auto original = reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(o_file_readall);
  struct stat status;
  const int descriptor = is_watched() ? compat::file_descriptor(self) : -1;
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0 || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
    return before_file_transfer<true>(self, nullptr, 0) ? original(self, none) : nullptr;
  std::string all;
  std::string piece(1 << 16, 0);  // not on the stack, which is copied at each switch
  for (;;) {
    if (!await_descriptor(descriptor, POLLIN, Op::kGet)) return nullptr;
    const ssize_t got = ::read(descriptor, piece.data(), piece.size());
    if (got > 0) {
      all.append(piece, 0, static_cast<std::size_t>(got));
    } else if (got == 0) {
      return PyBytes_FromStringAndSize(all.data(), static_cast<Py_ssize_t>(all.size()));
    } else if (errno != EINTR) {
      if (errno == EAGAIN && !all.empty()) return PyBytes_FromStringAndSize(all.data(), static_cast<Py_ssize_t>(all.size()));
      if (errno == EAGAIN) Py_RETURN_NONE;
      return PyErr_SetFromErrno(PyExc_OSError);
    }
  }
}

// ---------------------------------------------------------------- flock

std::unordered_map<int, Key> locked;  // descriptors with a flock, and its key

void release_flock(int descriptor) {
  const auto found = locked.find(descriptor);
  if (found == locked.end()) return;
  const Key key = found->second;
  locked.erase(found);
  if (!here()) return;
  G.engine.publish(key);
  G.engine.signal(key);
}

// Attempts without waiting, and waits as a task: the file is unlocked by another task, or by whoever is outside.
PyObject* flock_file(PyObject* module, PyObject* const* args, Py_ssize_t count) {
  const auto original = reinterpret_cast<Fast>(o_flock);
  struct stat status;
  const int descriptor = here() && count == 2 ? PyObject_AsFileDescriptor(args[0]) : -1;
  if (descriptor < 0) PyErr_Clear();
  const long operation = descriptor < 0 ? 0 : PyLong_AsLong(args[1]);
  if (operation == -1) PyErr_Clear();
  if (descriptor < 0 || operation <= 0 || ::fstat(descriptor, &status) != 0) return original(module, args, count);
  const Key key = flock_of(status);
  if (operation & LOCK_UN) {
    PyObject* result = original(module, args, count);
    if (result != nullptr) release_flock(descriptor);
    return result;
  }
  const bool waits = (operation & LOCK_NB) == 0;
  const Op op = waits ? Op::kAcquire : Op::kTryAcquire;
  const SiteId site = site_of_call(op);
  if (points_on() && !go(G.engine.point(Op::kTryAcquire, site, key))) return nullptr;
  const auto attempt = [&] { return ::flock(descriptor, static_cast<int>(operation) | LOCK_NB) == 0; };
  while (!attempt()) {
    if (errno != EWOULDBLOCK || !waits) return original(module, args, count);  // tells what is wrong
    Task& task = G.me();
    task.probe = [descriptor, operation] {  // somebody outside may have had it
      if (::flock(descriptor, static_cast<int>(operation) | LOCK_NB) != 0) return 0;
      ::flock(descriptor, LOCK_UN);
      return 1;
    };
    const bool ok = go(G.engine.wait(op, site, key, kForever));
    G.me().probe = nullptr;
    if (!ok) return nullptr;
  }
  locked[descriptor] = key;
  G.engine.observe(key);
  Py_RETURN_NONE;
}

// Of a pipe the other end sees that it is over, and all that was done before.
void end_wire(int descriptor) {
  struct stat status;
  if (here() && points_on() && descriptor >= 0 && ::fstat(descriptor, &status) == 0 && !S_ISREG(status.st_mode)) G.engine.synchronise(kWire, true);
}

bool before_close(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count == 1 && PyLong_CheckExact(args[0]) && here()) {
    const long closed = PyLong_AsLong(args[0]);
    PyErr_Clear();
    end_wire(static_cast<int>(closed));
  }
  if (locked.empty() || count < 1 || !PyLong_CheckExact(args[0])) return true;
  const long descriptor = PyLong_AsLong(args[0]);
  if (descriptor == -1) PyErr_Clear();
  release_flock(static_cast<int>(descriptor));
  return true;
}

bool before_file_close(PyObject* self, PyObject* const*, Py_ssize_t) {
  if (here()) end_wire(compat::file_descriptor(self));
  if (!locked.empty()) release_flock(compat::file_descriptor(self));
  return true;
}

}  // namespace

bool visit_by_audit(const char* event, PyObject* args) {
  if (!is_watched() || !PyTuple_Check(args) || PyTuple_GET_SIZE(args) < 1) return true;
  PyObject* path = PyTuple_GET_ITEM(args, 0);
  const auto is = [&](const char* name) { return std::strcmp(event, name) == 0; };
  if (is("open")) {
    const long flags = PyTuple_GET_SIZE(args) > 2 ? PyLong_AsLong(PyTuple_GET_ITEM(args, 2)) : 0;
    if (flags == -1) PyErr_Clear();
    const bool makes = (flags & (O_CREAT | O_TRUNC)) != 0;
    struct stat status;
    const std::string name = path_of(path);
    if (name.empty() || name == "/dev/null") return true;
    if ((flags & O_TRUNC) != 0 && ::stat(name.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        !visit(Effect::kWrite, contents_of(status), kNoKey, path))
      return false;
    return visit_name(makes ? Effect::kUpdate : Effect::kRead, path);
  }
  if (is("os.listdir") || is("os.scandir")) return visit_directory(path);
  if (is("os.rename") || is("os.link") || is("os.symlink"))
    return visit_name(Effect::kWrite, path) && (PyTuple_GET_SIZE(args) < 2 || visit_name(Effect::kWrite, PyTuple_GET_ITEM(args, 1)));
  if (is("os.remove") || is("os.mkdir") || is("os.rmdir") || is("os.truncate")) return visit_name(Effect::kUpdate, path);
  return true;
}

bool install_files() {
  PyObject* posix = PyImport_ImportModule("posix");
  PyObject* io = posix ? PyImport_ImportModule("_io") : nullptr;
  PyObject* file = io ? PyObject_GetAttrString(io, "FileIO") : nullptr;
  PyObject* control = file ? PyImport_ImportModule("fcntl") : nullptr;
  if (control == nullptr) return false;
  const bool ok = swap_before<&o_stat, before_stat>(posix, "stat") && swap_before<&o_lstat, before_stat>(posix, "lstat") &&
                  swap_before<&o_access, before_stat>(posix, "access") && swap_before<&o_read, before_read>(posix, "read") &&
                  swap_method(posix, "write", METH_FASTCALL, reinterpret_cast<void*>(os_write), &o_write) &&
                  swap_method(posix, "sendfile", METH_FASTCALL | METH_KEYWORDS, reinterpret_cast<void*>(send_file), &o_sendfile) && swap_before<&o_close, before_close>(posix, "close") &&
                  swap_before<&o_file_read, before_file_transfer<true>>(file, "read") &&
                  swap_method(file, "readall", METH_NOARGS, reinterpret_cast<void*>(file_readall), &o_file_readall) &&
                  swap_before<&o_file_readinto, before_file_transfer<true>>(file, "readinto") &&
                  swap_before<&o_file_write, before_file_transfer<false>, after_file_transfer>(file, "write") &&
                  swap_before<&o_file_truncate, before_file_transfer<false>, after_file_transfer>(file, "truncate") &&
                  swap_before<&o_file_close, before_file_close>(file, "close") &&
                  swap_method(control, "flock", METH_FASTCALL, reinterpret_cast<void*>(flock_file), &o_flock);
  Py_DECREF(control);
  Py_DECREF(file);
  Py_DECREF(io);
  Py_DECREF(posix);
  return ok;
}

}  // namespace unblink
