// Event loops of asyncio: their own code runs unchanged, and what comes to them from outside is chosen.
#pragma once
#include <functional>

#include "ground.hpp"

namespace unblink {

PyObject* running_loop();  // of the current thread: a new reference, or null

// Looks, without waiting, at what a selector has: a list of (descriptor, events); a new reference, or null with an exception.
using Look = std::function<PyObject*()>;

// The loop that runs in the current task and selects by `selector`, or null.
struct EventLoop;
EventLoop* loop_of_selector(PyObject* selector);

// The select of an event loop: what has come and was granted.
PyObject* select_in_loop(EventLoop& loop, const Look& look, Nanos timeout);

// A thread has put something into the queue of a loop, if it is a loop that `descriptor` wakes.
void note_waking(int descriptor, SiteId site);

void forget_loop_of(PyObject* selector);  // which is closed

// Before a descriptor is watched by `selector`: who made it something that can come.
void note_watched(PyObject* selector, int descriptor);

// Adds the asyncio tasks that wait to a list of (task, op, site, asyncio task, -1, None, True).
void report_awaiting(PyObject* list);
// touch(loop): the current task is about to put a callback into the loop's queue; told of if another thread runs the loop.
PyObject* touch(PyObject*, PyObject* loop);
// Before an execution that did not come to its end is unwound: tasks that were cancelled and go on all the same live for ever,
// for whatever ends them (GeneratorExit, when they are freed) may be swallowed like that in an endless loop.
void keep_stubborn_tasks();

void look_after_asyncio();  // when `_asyncio` is there
void forget_loops();        // at the end of an execution

}  // namespace unblink
