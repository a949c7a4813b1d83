// What the backward sweep tells its caller about parameters: the one door between gradients and communication.
#pragma once

#include <cstdint>

namespace lockstep {

/// Hears from the backward sweep. `unused` comes before it, once for each trainable parameter that no recorded
/// operation used; `ready` comes as soon as the last use of a parameter has contributed to its gradient.
/// The index is the parameter's in the ParameterTable.
template <class O>
concept BackwardObserver = requires(O& observer, std::int32_t parameter) {
  observer.unused(parameter);
  observer.ready(parameter);
};

/// An observer that does nothing.
struct IgnoreReady {
  void unused(std::int32_t) {}
  void ready(std::int32_t) {}
};

static_assert(BackwardObserver<IgnoreReady>);

}  // namespace lockstep
