#pragma once
#include "ground.hpp"

namespace unblink {

struct ExecutionReport {
  PyObject* value = nullptr;      // what the body returned, or null
  PyObject* exception = nullptr;  // what left the body, or null; both owned
  PyObject* main_context = nullptr;
  int leftover = 0;  // workers that had not ended and never would
  bool interrupted = false;
};

bool execute(PyObject* body, Strategy& strategy, const RunOptions& options, ExecutionReport& report);
void set_aborted_type(PyObject* type);
void set_on_leftover(PyObject* callable);
bool main_awaits_workers();

}  // namespace unblink
