// The factories of all strategies; a new one adds its file, its line here and its name in strategies.cpp.
#pragma once
#include <memory>

#include "../strategy.hpp"

namespace unblink {

std::unique_ptr<Strategy> make_default_order();
std::unique_ptr<Strategy> make_random();
std::unique_ptr<Strategy> make_pct();
std::unique_ptr<Strategy> make_pos();

}  // namespace unblink
