#pragma once
#include "ground.hpp"

namespace unblink {

void look_after_foreign_loops();  // once asyncio has been imported
// For a loop in C that takes its task for main, since it asks the system for the OS thread, and so asks for signals before it says
// that it runs. Called when a task that is not main asks for them; if it is no line of Python that does, the execution ends.
bool refuse_loop_in_c();
PyObject* take_refused_loop(PyObject*, PyObject*);

}  // namespace unblink
