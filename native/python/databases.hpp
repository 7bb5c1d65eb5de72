// SQLite as shared state: see databases.cpp.
#pragma once
#include <Python.h>

namespace unblink {

// An audit event `sqlite3.*`: the module is there then, and its connections are looked after from now on.
void note_sqlite(const char* event, PyObject* args);

}  // namespace unblink
