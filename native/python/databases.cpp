// SQLite as shared state: statements are operations on the database, and who finds it locked waits as a task.
//
// A connection's busy handler would sleep in C, while the task that has the lock could not go on. Ours only remembers that
// SQLite was willing to wait, and lets the statement fail; then the task waits for the end of another's transaction, or
// for the connection's own timeout in virtual time, and tries again. Where SQLite does not ask (two transactions that
// wait for each other), the statement fails at once, as in life.
#include "databases.hpp"

#include <dlfcn.h>
#include <sys/stat.h>

#include <cstring>
#include <set>
#include <string>
#include <unordered_map>

#include "locations.hpp"
#include "sites.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
struct Database;  // sqlite3

struct Library {
  int (*busy_handler)(Database*, int (*)(void*, int), void*) = nullptr;
  int (*exec)(Database*, const char*, int (*)(void*, int, char**, char**), void*, char**) = nullptr;
  const char* (*filename)(Database*, const char*) = nullptr;
  int (*autocommit)(Database*) = nullptr;
} sqlite;

void *o_execute, *o_executemany, *o_executescript, *o_commit, *o_rollback, *o_exit;
void *o_connection_execute, *o_connection_executemany, *o_connection_executescript;
PyTypeObject* connection_type = nullptr;
PyObject* operational_error = nullptr;
std::unordered_map<Database*, Nanos> timeouts;
std::set<Database*> inside;
bool would_wait = false;

int on_busy(void*, int) {
  would_wait = true;
  return 0;
}

// sqlite3.Connection begins with the handle; null before __init__ and after close().
Database* handle_of(PyObject* connection) {
  return *reinterpret_cast<Database**>(reinterpret_cast<char*>(connection) + sizeof(PyObject));
}

void ask_timeout(Database* database) {
  long milliseconds = 0;
  sqlite.exec(
      database, "PRAGMA busy_timeout",
      [](void* into, int count, char** values, char**) {
        if (count > 0 && values[0] != nullptr) *static_cast<long*>(into) = std::strtol(values[0], nullptr, 10);
        return 0;
      },
      &milliseconds, nullptr);
  timeouts[database] = static_cast<Nanos>(milliseconds) * 1'000'000;
}

// A file is known by device and inode; what is in memory belongs to its connection.
Key key_of_database(Database* database) {
  struct stat status;
  const char* name = sqlite.filename(database, "main");
  if (name != nullptr && *name != 0 && ::stat(name, &status) == 0)
    return (mix(mix(static_cast<Key>(status.st_dev), static_cast<Key>(status.st_ino)), 0x73716c697465ULL) | kUntold) & ~1ULL;
  return (mix(key_of(database), 0x73716c697465ULL) | kUntold) & ~1ULL;
}

bool is_text(PyObject* sql, const char* word) {
  const char* text = sql != nullptr && PyUnicode_Check(sql) ? PyUnicode_AsUTF8(sql) : nullptr;
  if (text == nullptr) {
    PyErr_Clear();
    return false;
  }
  while (*text == ' ' || *text == '\n' || *text == '\t' || *text == '(') ++text;
  return strncasecmp(text, word, std::strlen(word)) == 0;
}

bool stand_before_statement(PyObject* connection, Key key, PyObject* sql) {
  if (!points_on()) return true;
  const bool reads = is_text(sql, "select");
  const Op op = reads ? Op::kRead : Op::kUpdate;
  const SiteId site = site_of_call(op);
  if (site == kImportSite) return true;
  if (G.engine.is_hot(site) && !go(G.engine.point(op, site, key))) return false;
  G.engine.access(key, site, !reads, false);
  if (G.observer != nullptr) observe(op, site, connection, Py_None);
  return true;
}

// Runs `call` on a connection, and again for as long as the database is locked and SQLite would wait.
template <class Call>
PyObject* run_statement(PyObject* connection, PyObject* sql, Call call) {
  Database* database = here() && connection_type != nullptr && PyObject_TypeCheck(connection, connection_type) ? handle_of(connection) : nullptr;
  if (database == nullptr || inside.count(database) > 0) return call();  // a connection's method may call its cursor's
  const Key key = key_of_database(database);
  if (!stand_before_statement(connection, key, sql)) return nullptr;
  if (timeouts.find(database) == timeouts.end()) ask_timeout(database);
  const Nanos deadline = deadline_after(timeouts[database]);
  PyObject* result;
  for (;;) {
    would_wait = false;
    sqlite.busy_handler(database, on_busy, nullptr);
    inside.insert(database);
    result = call();
    inside.erase(database);
    if (result != nullptr || !would_wait || !PyErr_ExceptionMatches(operational_error)) break;
    if (!G.multi || deadline <= G.engine.now()) break;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    const bool ok = go(G.engine.wait(Op::kAcquire, site_of_call(Op::kAcquire), key, deadline));
    if (!ok || G.engine.timed_out()) {
      if (ok) {
        PyErr_Restore(type, value, traceback);
      } else {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(traceback);
      }
      return nullptr;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
  }
  database = handle_of(connection);
  if (result != nullptr && sql != nullptr && std::strstr(PyUnicode_Check(sql) ? PyUnicode_AsUTF8(sql) : "", "busy_timeout") != nullptr)
    ask_timeout(database);
  if (database == nullptr || sqlite.autocommit(database) != 0) G.engine.signal(key);  // no transaction is open: others may go on
  return result;
}

PyObject* connection_of(PyObject* cursor) {
  PyObject* connection = PyObject_GetAttrString(cursor, "connection");
  if (connection == nullptr) PyErr_Clear();
  Py_XDECREF(connection);  // the cursor keeps it
  return connection;
}

template <void** Original>
PyObject* cursor_fast(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto call = [&] { return reinterpret_cast<Fast>(*Original)(self, args, count); };
  PyObject* connection = here() ? connection_of(self) : nullptr;
  return connection == nullptr ? call() : run_statement(connection, count > 0 ? args[0] : nullptr, call);
}

PyObject* cursor_script(PyObject* self, PyObject* script) {
  const auto call = [&] { return reinterpret_cast<Plain>(o_executescript)(self, script); };
  PyObject* connection = here() ? connection_of(self) : nullptr;
  return connection == nullptr ? call() : run_statement(connection, script, call);
}

template <void** Original>
PyObject* connection_fast(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return run_statement(self, count > 0 ? args[0] : nullptr, [&] { return reinterpret_cast<Fast>(*Original)(self, args, count); });
}

PyObject* connection_script(PyObject* self, PyObject* script) {
  return run_statement(self, script, [&] { return reinterpret_cast<Plain>(o_connection_executescript)(self, script); });
}

template <void** Original>
PyObject* end_transaction(PyObject* self, PyObject* none) {
  return run_statement(self, nullptr, [&] { return reinterpret_cast<Plain>(*Original)(self, none); });
}

PyObject* leave(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return run_statement(self, nullptr, [&] { return reinterpret_cast<Fast>(o_exit)(self, args, count); });
}

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool find_library() {
  PyObject* module = PyImport_ImportModule("_sqlite3");
  PyObject* path = module ? PyObject_GetAttrString(module, "__file__") : nullptr;
  const char* name = path ? PyUnicode_AsUTF8(path) : nullptr;
  void* library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);  // what it is linked with is found through it; null is the program itself
  Py_XDECREF(path);
  Py_XDECREF(module);
  PyErr_Clear();
  return find(library, "sqlite3_busy_handler", sqlite.busy_handler) && find(library, "sqlite3_exec", sqlite.exec) &&
         find(library, "sqlite3_db_filename", sqlite.filename) && find(library, "sqlite3_get_autocommit", sqlite.autocommit);
}

bool install_databases() {
  PyObject* module = PyImport_ImportModule("_sqlite3");
  PyObject* connection = module ? PyObject_GetAttrString(module, "Connection") : nullptr;
  PyObject* cursor = connection ? PyObject_GetAttrString(module, "Cursor") : nullptr;
  PyObject* error = cursor ? PyObject_GetAttrString(module, "OperationalError") : nullptr;
  if (error == nullptr || !find_library()) return false;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = swap_method(cursor, "execute", METH_FASTCALL, f(cursor_fast<&o_execute>), &o_execute) &&
                  swap_method(cursor, "executemany", METH_FASTCALL, f(cursor_fast<&o_executemany>), &o_executemany) &&
                  swap_method(cursor, "executescript", METH_O, f(cursor_script), &o_executescript) &&
                  swap_method(connection, "execute", METH_FASTCALL, f(connection_fast<&o_connection_execute>), &o_connection_execute) &&
                  swap_method(connection, "executemany", METH_FASTCALL, f(connection_fast<&o_connection_executemany>), &o_connection_executemany) &&
                  swap_method(connection, "executescript", METH_O, f(connection_script), &o_connection_executescript) &&
                  swap_method(connection, "commit", METH_NOARGS, f(end_transaction<&o_commit>), &o_commit) &&
                  swap_method(connection, "rollback", METH_NOARGS, f(end_transaction<&o_rollback>), &o_rollback) &&
                  swap_method(connection, "__exit__", METH_FASTCALL, f(leave), &o_exit);
  operational_error = error;
  connection_type = reinterpret_cast<PyTypeObject*>(connection);
  Py_DECREF(cursor);
  Py_DECREF(module);
  return ok;
}

}  // namespace

void note_sqlite(const char* event, PyObject* args) {
  if (!G.installed) return;
  if (!G.looks_after_sqlite) {
    G.looks_after_sqlite = true;
    if (!install_databases()) PyErr_Clear();  // it works as it is, and blocks while it waits
  }
  if (sqlite.exec == nullptr || std::strcmp(event, "sqlite3.connect/handle") != 0 || PyTuple_GET_SIZE(args) < 1) return;
  if (Database* database = handle_of(PyTuple_GET_ITEM(args, 0))) ask_timeout(database);
}

}  // namespace unblink
