#pragma once
#include "ground.hpp"

namespace unblink {

void adopt_handle(TaskId id);  // 3.13: the task's handle is answered for by us from now on
void forget_handles();         // at the end of an execution
void publish_end(PyObject* thread);  // what it did can be seen by whoever finds that it has ended
Key key_of_end(const Task& task);  // what whoever asks whether the thread is alive looks at; kNoKey if nobody can
bool refresh_internal_locks();

}  // namespace unblink
