#pragma once

namespace unblink {

void start_watch();
bool stop_watch();    // whether there was one, and it ended
void forget_watch();  // a forked child has none

}  // namespace unblink
