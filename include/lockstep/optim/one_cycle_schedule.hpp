// The one-cycle policy (Smith and Topin, 2018, arXiv:1708.07120): up to the full learning rate, then far below where it
// began, while the momentum moves the other way.
#pragma once

#include <lockstep/optim/schedule.hpp>

#include <cmath>
#include <numbers>

namespace lockstep {

/// The curve between two values of a one-cycle schedule.
enum class Anneal : std::uint8_t { cosine, linear };

struct OneCycleOptions {
  double warmup_fraction = 0.3;   ///< the part of the run that rises
  double initial_divisor = 25.0;  ///< the first learning rate is the full one divided by this
  double final_divisor = 1e4;     ///< the last learning rate is the first one divided by this
  double base_momentum = 0.85;    ///< at the full learning rate
  double max_momentum = 0.95;     ///< at the first and the last step
  Anneal anneal = Anneal::cosine;
  bool three_phase = false;  ///< fall back to the first learning rate as fast as it rose, then to the last
};

/// As torch.optim.lr_scheduler.OneCycleLR, where the optimizer's learning rate plays the part of max_lr: the multiplier
/// is 1 at the peak. After total_steps the last values stay.
struct OneCycle {
  std::int64_t total_steps = 1;
  OneCycleOptions options{};

  double operator()(std::int64_t step) const {
    const double first = 1.0 / options.initial_divisor;
    return value(step, first, 1.0, first / options.final_divisor);
  }

  double momentum(std::int64_t step) const {
    return value(step, options.max_momentum, options.base_momentum, options.max_momentum);
  }

 private:
  double value(std::int64_t step, double first, double peak, double last) const {
    const double total = static_cast<double>(total_steps);
    const double at = static_cast<double>(step < total_steps ? step : total_steps - 1);
    const double up = rising_steps() - 1.0;  // the step of the peak, seldom an integer
    if (at <= up) return between(first, peak, at, 0.0, up);
    if (!options.three_phase) return between(peak, last, at, up, total - 1.0);
    const double down = 2.0 * rising_steps() - 2.0;
    if (at <= down) return between(peak, first, at, up, down);
    return between(first, last, at, down, total - 1.0);
  }

  // 0.1 * 10 must be 1, also where the compiler fuses the product with what follows.
  double rising_steps() const {
    const double steps = options.warmup_fraction * static_cast<double>(total_steps);
    const double rounded = std::round(steps);
    return std::abs(steps - rounded) < 1e-9 ? rounded : steps;
  }

  double between(double from, double to, double at, double start, double end) const {
    const double part = end > start ? (at - start) / (end - start) : 1.0;
    if (options.anneal == Anneal::linear) return from + (to - from) * part;
    return to + (from - to) / 2.0 * (1.0 + std::cos(std::numbers::pi * part));
  }
};

/// Throws ArgumentError when an option is outside its range.
inline OneCycle one_cycle(std::int64_t total_steps, const OneCycleOptions& options = {}) {
  const auto require = [](bool holds, const char* what, double got) {
    if (!holds) throw ArgumentError(concat("one_cycle: ", what, ", got ", got));
  };
  require(total_steps >= 1, "total_steps must be at least 1", static_cast<double>(total_steps));
  const double most = options.three_phase ? 0.5 : 1.0;
  require(options.warmup_fraction >= 0.0 && options.warmup_fraction <= most,
          options.three_phase ? "warmup_fraction must be between 0 and 0.5 with three_phase"
                              : "warmup_fraction must be between 0 and 1",
          options.warmup_fraction);
  require(options.initial_divisor > 0.0, "initial_divisor must be positive", options.initial_divisor);
  require(options.final_divisor > 0.0, "final_divisor must be positive", options.final_divisor);
  const auto is_momentum = [](double m) { return m >= 0.0 && m < 1.0; };
  require(is_momentum(options.base_momentum), "base_momentum must be at least 0 and below 1", options.base_momentum);
  require(is_momentum(options.max_momentum), "max_momentum must be at least 0 and below 1", options.max_momentum);
  return {total_steps, options};
}

static_assert(MomentumSchedule<OneCycle>);

}  // namespace lockstep
