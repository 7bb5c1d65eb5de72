// What the hub (execution.cpp) and the tasks on their greenlets (tasks.cpp) ask of each other.
#pragma once
#include "ground.hpp"

namespace unblink {

// --- tasks.cpp
bool enter_hub();                  // the running greenlet is the hub; false: an exception is set
void resume(Task& task);           // by the hub: returns when a task has switched to the hub again
void drop_unbegun(Task& task);     // one that never began: there is nothing to unwind
TaskId with_a_stack(TaskId next);  // after what has no stack and comes before it; kNone where nobody can go on

// --- execution.cpp
void run_main(Task& task);  // the body, and then the wait for its workers

}  // namespace unblink
