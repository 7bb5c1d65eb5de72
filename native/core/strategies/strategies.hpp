// The factories of all strategies; a new one adds its file, its line here and its name in strategies.cpp.
#pragma once
#include <memory>
#include <string>

#include "../knowledge.hpp"
#include "../strategy.hpp"

namespace unblink {

std::unique_ptr<Strategy> make_default_order();
std::unique_ptr<Strategy> make_random();
std::unique_ptr<Strategy> make_pct();
std::unique_ptr<Strategy> make_pos();
std::unique_ptr<Strategy> make_surw(Knowledge& knowledge);
std::unique_ptr<Strategy> make_reads_from(Knowledge& knowledge);
std::unique_ptr<Strategy> make_portfolio(Knowledge& knowledge);

// By its public name, or null. `knowledge` is what those that learn are to stand on.
std::unique_ptr<Strategy> make_strategy(const std::string& name, Knowledge& knowledge);

}  // namespace unblink
