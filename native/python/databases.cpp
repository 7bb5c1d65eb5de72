// SQLite as shared state: statements are operations on the database, and who finds it locked waits as a task.
//
// SQLite itself says when it would wait, and for how long: our busy handler stands in its place for one statement, and lets
// the task wait in virtual time until a lock of that file is let go. So a statement stands in the midst of SQLite while
// others run, as it does in life; the connection is its own meanwhile. Where SQLite does not ask (two transactions that
// wait for each other), the statement fails at once, as in life.
//
// A cache that connections to one file share has a lock of the OS thread's, which the others would be in too. There the
// handler refuses, and the statement is run again later.
#include "databases.hpp"

#include <structmember.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>

#include "connections.hpp"
#include "locations.hpp"
#include "sites.hpp"
#include "storage.hpp"
#include "swap.hpp"
#include "swap_before.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

void *o_execute, *o_executemany, *o_executescript, *o_commit, *o_rollback, *o_exit;
void *o_connection_execute, *o_connection_executemany, *o_connection_executescript;
void *o_fetchone, *o_fetchmany, *o_fetchall, *o_next, *o_cursor_close;
Py_ssize_t connection_at = 0;  // in a cursor
PyObject* operational_error = nullptr;

void keep_problem_of(Connection& connection) {
  for (PyObject*& part : connection.problem) Py_CLEAR(part);
  PyErr_Fetch(&connection.problem[0], &connection.problem[1], &connection.problem[2]);
}

// Called by SQLite, which finds a lock taken and would wait: 1 to try again, 0 to give up.
int on_busy(void* argument, int count) {
  auto& connection = *static_cast<Connection*>(argument);
  if (G.unwinding || connection.problem[0] != nullptr) return 0;
  const Attached attached;
  if (count == 0) connection.deadline = deadline_after(Nanos{1'000'000} * connection.timeout);
  connection.would_wait = true;
  if (connection.shares_pages || connection.deadline <= G.engine.now()) return 0;
  const Key key = refused_file() != kNoKey ? refused_file() : connection.key;
  forget_refusal();
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  connection.waiting = G.current();
  const bool ok = go(G.engine.wait(Op::kAcquire, site_of_call(Op::kAcquire), key, connection.deadline));
  connection.waiting = kNone;
  G.engine.signal(connection.turn);
  if (!ok) keep_problem_of(connection);
  PyErr_Restore(type, value, traceback);
  return ok ? 1 : 0;
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

constexpr const char kTimeout[] = "busy_timeout";

// Where the text goes on behind the next mention of the timeout; null: there is none.
const char* behind_timeout(const char* text) {
  const char* found = text != nullptr ? strcasestr(text, kTimeout) : nullptr;
  return found != nullptr ? found + std::strlen(kTimeout) : nullptr;
}

const char* text_of(PyObject* sql) {
  const char* text = sql != nullptr && PyUnicode_Check(sql) ? PyUnicode_AsUTF8(sql) : nullptr;
  if (text == nullptr) PyErr_Clear();
  return text;
}

// The timeout after a statement that mentions it. To ask is a statement that the program's callbacks would see, so it is
// read off the text where that is plain.
void note_timeout(Database* database, Connection& connection, PyObject* sql, bool done) {
  if (!done) return ask_timeout(database, connection);  // it may have been done in part
  for (const char* at = behind_timeout(text_of(sql)); at != nullptr; at = behind_timeout(at)) {
    at += std::strspn(at, " \t\n");
    if (*at != '=' && *at != '(') continue;  // it is asked for
    char* end = nullptr;
    const long milliseconds = std::strtol(at + 1, &end, 10);
    if (end == at + 1) return ask_timeout(database, connection);
    connection.timeout = static_cast<int>(std::clamp(milliseconds, 0L, static_cast<long>(INT_MAX)));
    at = end;
  }
}

bool stand_before_statement(PyObject* object, PyObject* sql, Key key, bool reads) {
  if (!points_on()) return true;
  const Op op = reads ? Op::kRead : Op::kUpdate;
  const SiteId site = site_of_call(op);
  if (site == kImportSite) return true;
  if (G.engine.is_hot(site) && !go(G.engine.point(op, site, key))) return false;
  G.engine.access(key, site, !reads, false);
  G.engine.synchronise(key, !reads);  // programs keep each other out by transactions
  if (G.observer != nullptr) observe(op, site, object, sql);
  return true;
}

// Calls SQLite once, with our handler where it would have its own.
template <class Call>
PyObject* call_waiting(PyObject* object, Connection& connection, bool sets_timeout, Call call) {
  Database* database = handle_of(object);
  const bool waits = connection.timeout > 0 && !sets_timeout;
  if (waits) sqlite.busy_handler(database, on_busy, &connection);
  connection.would_wait = false;
  connection.inside.push_back(G.current());
  PyObject* result = call();
  std::erase(connection.inside, G.current());
  if (waits && handle_of(object) == database) sqlite.busy_timeout(database, connection.timeout);
  if (connection.problem[0] == nullptr) return result;
  Py_XDECREF(result);
  PyErr_Restore(std::exchange(connection.problem[0], nullptr), std::exchange(connection.problem[1], nullptr),
                std::exchange(connection.problem[2], nullptr));
  return nullptr;
}

// Whether the statement is to be run again: it found a shared cache locked, and was not let wait in it.
bool await_shared_cache(Connection& connection) {
  if (!connection.shares_pages || !connection.would_wait || connection.deadline <= G.engine.now()) return false;
  if (!PyErr_ExceptionMatches(operational_error)) return false;
  PyErr_Clear();
  return go(G.engine.wait(Op::kAcquire, site_of_call(Op::kAcquire), connection.key, connection.deadline));
}

enum class Effects : std::uint8_t { kReads, kWrites, kFetches };

template <class Call>
PyObject* run_statement(PyObject* object, PyObject* sql, Effects effects, Call call) {
  Connection* known = here() ? connection_behind(object) : nullptr;
  if (known == nullptr || is_inside(*known)) return call();  // a connection's method may call its cursor's
  Connection& connection = *known;
  if (!may_use(object, connection)) return nullptr;
  const bool fetches = effects == Effects::kFetches;
  // Rows that one task alone can get at are as they were when the statement began.
  const bool is_visible = !fetches || connection.lent;
  if (is_visible && !stand_before_statement(object, sql, connection.key, effects != Effects::kWrites)) return nullptr;
  if (!await_turn(connection)) return nullptr;
  Database* database = handle_of(object);
  if (database == nullptr) return call();  // closed meanwhile: the original says so
  if (connection.timeout < 0) ask_timeout(database, connection);
  if (connection.shares_pages) note_shared_cache();
  const bool sets_timeout = !fetches && behind_timeout(text_of(sql)) != nullptr;
  PyObject* result;
  bool waited = false;
  do {
    result = call_waiting(object, connection, sets_timeout, call);
    waited |= connection.would_wait;
  } while (result == nullptr && await_shared_cache(connection));
  if (waited && is_visible) G.engine.synchronise(connection.key, effects == Effects::kWrites);  // who had it is done
  if (waited && is_visible && result != nullptr && G.observer != nullptr && points_on()) observe(Op::kAcquire, site_of_call(Op::kAcquire), object, sql);
  database = handle_of(object);
  if (sets_timeout && database != nullptr) note_timeout(database, connection, sql, result != nullptr);
  if (database == nullptr || sqlite.autocommit(database) != 0) G.engine.signal(connection.key);  // no transaction is open: others may go on
  return result;
}

Effects effects_of(PyObject* sql) { return is_text(sql, "select") ? Effects::kReads : Effects::kWrites; }

PyObject* connection_of(PyObject* cursor) {  // the cursor keeps it
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(cursor) + connection_at);
}

template <void** Original>
PyObject* cursor_fast(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PyObject* sql = count > 0 ? args[0] : nullptr;
  return run_statement(connection_of(self), sql, effects_of(sql), [&] { return reinterpret_cast<Fast>(*Original)(self, args, count); });
}

PyObject* cursor_script(PyObject* self, PyObject* script) {
  return run_statement(connection_of(self), script, effects_of(script), [&] { return reinterpret_cast<Plain>(o_executescript)(self, script); });
}

template <void** Original>
PyObject* fetch(PyObject* self, PyObject* none) {
  return run_statement(connection_of(self), nullptr, Effects::kFetches, [&] { return reinterpret_cast<Plain>(*Original)(self, none); });
}

PyObject* fetch_many(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  return run_statement(connection_of(self), nullptr, Effects::kFetches,
                       [&] { return reinterpret_cast<FastKeywords>(o_fetchmany)(self, args, count, names); });
}

PyObject* fetch_next(PyObject* self) {
  return run_statement(connection_of(self), nullptr, Effects::kFetches, [&] { return reinterpret_cast<iternextfunc>(o_next)(self); });
}

template <void** Original>
PyObject* connection_fast(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PyObject* sql = count > 0 ? args[0] : nullptr;
  return run_statement(self, sql, effects_of(sql), [&] { return reinterpret_cast<Fast>(*Original)(self, args, count); });
}

PyObject* connection_script(PyObject* self, PyObject* script) {
  return run_statement(self, script, effects_of(script), [&] { return reinterpret_cast<Plain>(o_connection_executescript)(self, script); });
}

// As the statement would say it.
PyObject* words(bool commits) {
  static PyObject* const commit = PyUnicode_InternFromString("COMMIT");
  static PyObject* const rollback = PyUnicode_InternFromString("ROLLBACK");
  return commits ? commit : rollback;
}

template <void** Original>
PyObject* end_transaction(PyObject* self, PyObject* none) {
  return run_statement(self, words(Original == &o_commit), Effects::kWrites, [&] { return reinterpret_cast<Plain>(*Original)(self, none); });
}

PyObject* leave(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return run_statement(self, words(count > 0 && args[0] == Py_None), Effects::kWrites, [&] { return reinterpret_cast<Fast>(o_exit)(self, args, count); });
}

// ---------------------------------------------------------------- what only looks who calls, and waits for its turn

bool before_use(PyObject* self, PyObject* const*, Py_ssize_t) {
  Connection* connection = here() ? connection_behind(self) : nullptr;
  return connection == nullptr || (may_use(self, *connection) && await_turn(*connection));
}

bool before_use_of_cursor(PyObject* self, PyObject* const*, Py_ssize_t) { return before_use(connection_of(self), nullptr, 0); }

constexpr const char* kChecked[] = {"cursor",        "close",         "blobopen",      "backup",
                                    "serialize",     "deserialize",   "getlimit",      "setlimit",
                                    "getconfig",     "setconfig",     "create_function", "create_aggregate",
                                    "create_window_function", "create_collation", "set_authorizer", "set_progress_handler",
                                    "set_trace_callback", "enable_load_extension", "load_extension"};
template <std::size_t>
void* o_checked = nullptr;

template <std::size_t... I>
bool check_users(PyObject* connection, std::index_sequence<I...>) {
  return ((convention_of(connection, kChecked[I]) < 0 || swap_before<&o_checked<I>, before_use>(connection, kChecked[I])) && ...);
}

// ---------------------------------------------------------------- taking over

// Classes that were derived before have the slot of their base.
bool swap_next(PyTypeObject* type) {
  if (reinterpret_cast<void*>(type->tp_iternext) != o_next) return true;  // a class with a __next__ of its own
  void* original;
  swap_pointer(reinterpret_cast<void**>(&type->tp_iternext), reinterpret_cast<void*>(fetch_next), &original);
  PyObject* derived = PyObject_CallMethod(reinterpret_cast<PyObject*>(type), "__subclasses__", nullptr);
  bool ok = derived != nullptr;
  for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(derived); ++i) ok = swap_next(reinterpret_cast<PyTypeObject*>(PyList_GET_ITEM(derived, i)));
  Py_XDECREF(derived);
  return ok;
}

bool find_connection_of_cursors(PyObject* cursor) {
  PyObject* member = PyObject_GetAttrString(cursor, "connection");
  const bool ok = member != nullptr && Py_IS_TYPE(member, &PyMemberDescr_Type);
  if (ok) connection_at = reinterpret_cast<PyMemberDescrObject*>(member)->d_member->offset;
  Py_XDECREF(member);
  return ok;
}

bool install_databases(PyObject* module, PyObject* connection, PyObject* cursor) {
  if (!find_sqlite(module) || !find_layout_of_connections(module, connection) || !find_connection_of_cursors(cursor)) return false;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = swap_method(cursor, "execute", METH_FASTCALL, f(cursor_fast<&o_execute>), &o_execute) &&
                  swap_method(cursor, "executemany", METH_FASTCALL, f(cursor_fast<&o_executemany>), &o_executemany) &&
                  swap_method(cursor, "executescript", METH_O, f(cursor_script), &o_executescript) &&
                  swap_method(cursor, "fetchone", METH_NOARGS, f(fetch<&o_fetchone>), &o_fetchone) &&
                  swap_method(cursor, "fetchmany", METH_FASTCALL | METH_KEYWORDS, f(fetch_many), &o_fetchmany) &&
                  swap_method(cursor, "fetchall", METH_NOARGS, f(fetch<&o_fetchall>), &o_fetchall) &&
                  swap_before<&o_cursor_close, before_use_of_cursor>(cursor, "close") &&
                  swap_method(connection, "execute", METH_FASTCALL, f(connection_fast<&o_connection_execute>), &o_connection_execute) &&
                  swap_method(connection, "executemany", METH_FASTCALL, f(connection_fast<&o_connection_executemany>), &o_connection_executemany) &&
                  swap_method(connection, "executescript", METH_O, f(connection_script), &o_connection_executescript) &&
                  swap_method(connection, "commit", METH_NOARGS, f(end_transaction<&o_commit>), &o_commit) &&
                  swap_method(connection, "rollback", METH_NOARGS, f(end_transaction<&o_rollback>), &o_rollback) &&
                  swap_method(connection, "__exit__", METH_FASTCALL, f(leave), &o_exit) &&
                  check_users(connection, std::make_index_sequence<std::size(kChecked)>());
  if (!ok) return false;
  o_next = f(reinterpret_cast<PyTypeObject*>(cursor)->tp_iternext);
  look_after_storage(sqlite.find_system(nullptr));
  return swap_next(reinterpret_cast<PyTypeObject*>(cursor));
}

bool install_databases() {
  PyObject* module = PyImport_ImportModule("_sqlite3");
  PyObject* connection = module ? PyObject_GetAttrString(module, "Connection") : nullptr;
  PyObject* cursor = connection ? PyObject_GetAttrString(module, "Cursor") : nullptr;
  if (cursor != nullptr) Py_XSETREF(operational_error, PyObject_GetAttrString(module, "OperationalError"));
  const bool ok = cursor != nullptr && operational_error != nullptr && install_databases(module, connection, cursor);
  Py_XDECREF(cursor);
  Py_XDECREF(connection);  // the type lives for as long as the module does, which is for ever
  Py_XDECREF(module);
  return ok;
}

bool looks_after = false;

}  // namespace

void keep_problem() {
  if (Connection* connection = connection_in_use())
    keep_problem_of(*connection);
  else
    PyErr_Clear();  // an end of the execution is told again at the task's next operation
}

void look_after_databases() {
  if (!G.installed || G.looks_after_sqlite) return;
  G.looks_after_sqlite = true;
  looks_after = install_databases();
  if (!looks_after) PyErr_Clear();  // it works as it is, and blocks while it waits
}

void look_after_imported_databases() {
  PyObject* modules = PyImport_GetModuleDict();
  if (modules != nullptr && PyDict_GetItemString(modules, "_sqlite3") != nullptr) look_after_databases();
}

void note_sqlite(const char* event, PyObject* args) {
  look_after_databases();
  if (!G.installed || !looks_after || PyTuple_GET_SIZE(args) < 1) return;
  if (std::strcmp(event, "sqlite3.connect") == 0) note_name_of_database(PyTuple_GET_ITEM(args, 0));
  if (std::strcmp(event, "sqlite3.connect/handle") == 0) note_connection(PyTuple_GET_ITEM(args, 0));
}

}  // namespace unblink
