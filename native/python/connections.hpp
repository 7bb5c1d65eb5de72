// What is known of each connection of `sqlite3`, beside what it knows itself.
#pragma once
#include "ground.hpp"

namespace unblink {

struct Database;  // sqlite3
struct SqliteSystem;

struct SqliteLibrary {
  int (*busy_handler)(Database*, int (*)(void*, int), void*) = nullptr;
  int (*busy_timeout)(Database*, int) = nullptr;
  int (*exec)(Database*, const char*, int (*)(void*, int, char**, char**), void*, char**) = nullptr;
  const char* (*filename)(Database*, const char*) = nullptr;
  const char* (*uri_parameter)(const char*, const char*) = nullptr;
  int (*autocommit)(Database*) = nullptr;
  SqliteSystem* (*find_system)(const char*) = nullptr;
};
extern SqliteLibrary sqlite;

struct Connection {
  unsigned long owner = 0;   // the thread that made it, as that sees itself
  int timeout = -1;          // milliseconds; -1: not asked for yet
  Key key = kNoKey;          // the location that its statements read and write
  Key turn = kNoKey;         // for whoever waits until it is free
  bool shares_pages = false;  // with other connections to the same file
  std::uint64_t execution = 0;  // of what follows
  std::vector<TaskId> inside;   // who is in a statement; more than one where a parameter's iterator waits
  TaskId waiting = kNone;       // who stands in the midst of SQLite, for which the connection is its own
  TaskId last = kNone;
  bool lent = false;  // more than one task has used it
  Nanos deadline = 0;
  bool would_wait = false;
  PyObject* problem[3] = {};  // raised while SQLite waited
};

bool find_sqlite(PyObject* module);
bool find_layout_of_connections(PyObject* module, PyObject* type);

void note_name_of_database(PyObject* name);  // of the connection that this OS thread is about to make
void note_connection(PyObject* object);      // it was made
// Null before __init__, after close(), and for what is no connection.
Connection* connection_behind(PyObject* object);
Database* handle_of(PyObject* object);
void ask_timeout(Database* database, Connection& connection);

bool may_use(PyObject* object, const Connection& connection);  // false: an exception is set, as in life
bool await_turn(Connection& connection);                       // false: an exception is set
bool is_inside(const Connection& connection);                  // the current task is in a statement of it
Connection* connection_in_use();                               // in a statement of which the current task is, or null

}  // namespace unblink
