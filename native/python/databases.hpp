// SQLite as shared state: see databases.cpp.
#pragma once
#include <Python.h>

namespace unblink {

// An audit event `sqlite3.*`: the module is there then, and its connections are looked after from now on.
void note_sqlite(const char* event, PyObject* args);
void look_after_imported_databases();  // from the beginning, where the module is there already

// The exception that is set was raised while SQLite waited: the statement under way raises it when it is back.
void keep_problem();

}  // namespace unblink
