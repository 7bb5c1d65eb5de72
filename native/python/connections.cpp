// The interpreter's own check of the thread that uses a connection sees one OS thread only: who made it is kept here.
//
// A connection is one at a time in life too: SQLite has a lock in it. While one task waits in a statement, others that
// come to the same connection wait for their turn.
#include "connections.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>

#include "locations.hpp"
#include "sites.hpp"
#include "storage.hpp"

namespace unblink {

SqliteLibrary sqlite;

namespace {

constexpr Key kDatabases = 0x73716c697465ULL;
std::unordered_map<Database*, Connection> connections;  // those that are closed too, until their address is used again
thread_local std::string name_of_next;

PyTypeObject* connection_type = nullptr;
PyObject* programming_error = nullptr;
std::size_t same_thread_at = 0;  // in a connection: whether it is for one thread only

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

// A database in memory that has a name is shared by all that name it so.
std::string shared_name(const std::string& uri) {
  const auto has = [&](const char* part) { return uri.find(part) != std::string::npos; };
  if (uri.compare(0, 5, "file:") != 0) return {};
  const bool in_memory = has("mode=memory") || has(":memory:");
  return (in_memory && has("cache=shared")) || has("vfs=memdb") ? uri.substr(0, uri.find('?')) : std::string();
}

// A file is known by device and inode; what is in memory belongs to its connection, unless it has a name.
Key key_of_database(Database* database, const std::string& uri) {
  const char* path = sqlite.filename(database, "main");
  const Key file = path != nullptr && *path != 0 ? key_of_database_file(path) : kNoKey;
  if (file != kNoKey) return file;
  const std::string name = shared_name(uri);
  return (mix(name.empty() ? key_of(database) : std::hash<std::string>{}(name), kDatabases) | kUntold) & ~1ULL;
}

bool shares_pages(Database* database) {
  const char* path = sqlite.filename(database, "main");
  const char* cache = path != nullptr && *path != 0 ? sqlite.uri_parameter(path, "cache") : nullptr;
  return cache != nullptr && std::strcmp(cache, "shared") == 0;
}

Connection& remember(PyObject* object, Database* database, unsigned long owner) {
  Connection& connection = connections[database] = Connection{};
  connection.owner = owner;
  connection.key = key_of_database(database, name_of_next);
  connection.turn = mix(key_of(object), kDatabases) | kUntold;
  connection.shares_pages = shares_pages(database);
  name_of_next.clear();
  return connection;
}

PyObject* trial(PyObject* module, int same_thread) {
  PyObject* kind = PyObject_GetAttrString(module, "Connection");
  PyObject* arguments = Py_BuildValue("(s)", ":memory:");
  PyObject* keywords = Py_BuildValue("{s:i}", "check_same_thread", same_thread);
  PyObject* made = kind && arguments && keywords ? PyObject_Call(kind, arguments, keywords) : nullptr;
  Py_XDECREF(keywords);
  Py_XDECREF(arguments);
  Py_XDECREF(kind);
  return made;
}

}  // namespace

bool find_sqlite(PyObject* module) {
  PyObject* path = PyObject_GetAttrString(module, "__file__");  // none where it is built into the program
  const char* name = path != nullptr ? PyUnicode_AsUTF8(path) : nullptr;
  void* library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);  // what it is linked with is found through it; null is the program itself
  Py_XDECREF(path);
  PyErr_Clear();
  return find(library, "sqlite3_busy_handler", sqlite.busy_handler) && find(library, "sqlite3_busy_timeout", sqlite.busy_timeout) &&
         find(library, "sqlite3_exec", sqlite.exec) && find(library, "sqlite3_db_filename", sqlite.filename) &&
         find(library, "sqlite3_uri_parameter", sqlite.uri_parameter) && find(library, "sqlite3_get_autocommit", sqlite.autocommit) &&
         find(library, "sqlite3_vfs_find", sqlite.find_system);
}

// Of two connections of which one may be used by any thread, the flag is where the first has 1 and the second 0.
bool find_layout_of_connections(PyObject* module, PyObject* type) {
  const Inactive inactive;
  connection_type = reinterpret_cast<PyTypeObject*>(type);
  Py_XSETREF(programming_error, PyObject_GetAttrString(module, "ProgrammingError"));
  PyObject *one = trial(module, 1), *any = trial(module, 0);
  same_thread_at = 0;
  int found = 0;
  const auto number = [](PyObject* object, std::size_t at) { return *reinterpret_cast<int*>(reinterpret_cast<char*>(object) + at); };
  const std::size_t size = static_cast<std::size_t>(connection_type->tp_basicsize);
  for (std::size_t at = sizeof(PyObject) + sizeof(void*); one != nullptr && any != nullptr && at + sizeof(int) <= size; at += sizeof(int)) {
    if (number(one, at) != 1 || number(any, at) != 0) continue;
    same_thread_at = at;
    ++found;
  }
  for (PyObject* object : {one, any}) {
    PyObject* closed = object != nullptr ? PyObject_CallMethod(object, "close", nullptr) : nullptr;
    Py_XDECREF(closed);
    Py_XDECREF(object);
  }
  return found == 1 && programming_error != nullptr && !PyErr_Occurred();
}

void note_name_of_database(PyObject* name) {
  const char* text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : nullptr;
  if (text == nullptr) PyErr_Clear();
  name_of_next = text == nullptr ? "" : text;
}

// sqlite3.Connection begins with the handle; null before __init__ and after close().
Database* handle_of(PyObject* object) {
  return *reinterpret_cast<Database**>(reinterpret_cast<char*>(object) + sizeof(PyObject));
}

void ask_timeout(Database* database, Connection& connection) {
  long milliseconds = 0;
  sqlite.exec(
      database, "PRAGMA busy_timeout",
      [](void* into, int count, char** values, char**) {
        if (count > 0 && values[0] != nullptr) *static_cast<long*>(into) = std::strtol(values[0], nullptr, 10);
        return 0;
      },
      &milliseconds, nullptr);
  connection.timeout = static_cast<int>(milliseconds);
}

void note_connection(PyObject* object) {
  Database* database = handle_of(object);
  if (database == nullptr) return;
  Connection& connection = remember(object, database, here() ? G.me().ident_number : PyThread_get_thread_ident());
  ask_timeout(database, connection);  // now, when the program has no callback yet that would see it
}

Connection* connection_behind(PyObject* object) {
  Database* database = object != nullptr && PyObject_TypeCheck(object, connection_type) ? handle_of(object) : nullptr;
  if (database == nullptr) return nullptr;
  const auto known = connections.find(database);
  // One that was made before the ground was there is taken for the main thread's.
  Connection& connection = known != connections.end() ? known->second : remember(object, database, G.task(0).ident_number);
  if (connection.execution != G.executions) {
    connection.execution = G.executions;
    connection.waiting = connection.last = kNone;
    connection.inside.clear();
    connection.lent = false;
    for (PyObject*& part : connection.problem) Py_CLEAR(part);
  }
  connection.lent = connection.lent || (connection.last != kNone && connection.last != G.current());
  connection.last = G.current();
  return &connection;
}

bool may_use(PyObject* object, const Connection& connection) {
  const unsigned long me = G.me().ident_number;
  if (connection.owner == me || *reinterpret_cast<int*>(reinterpret_cast<char*>(object) + same_thread_at) == 0) return true;
  PyErr_Format(programming_error,
               "SQLite objects created in a thread can only be used in that same thread. "
               "The object was created in thread id %lu and this is thread id %lu.",
               connection.owner, me);
  return false;
}

bool is_inside(const Connection& connection) {
  return std::find(connection.inside.begin(), connection.inside.end(), G.current()) != connection.inside.end();
}

Connection* connection_in_use() {
  for (auto& [database, connection] : connections)
    if (connection.execution == G.executions && is_inside(connection)) return &connection;
  return nullptr;
}

bool await_turn(Connection& connection) {
  while (connection.waiting != kNone && connection.waiting != G.current())
    if (!go(G.engine.wait(Op::kAcquire, site_of_call(Op::kAcquire), connection.turn, kForever))) return false;
  return true;
}

}  // namespace unblink
