// prepare(): turns plain objects into their distributed counterparts, by type, at compile time.
#pragma once

#include <lockstep/accelerator/data_loader_shard.hpp>
#include <lockstep/accelerator/distributed_model.hpp>
#include <lockstep/accelerator/distributed_optimizer.hpp>
#include <lockstep/accelerator/distributed_schedule.hpp>
#include <lockstep/accelerator/named.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/core/shared.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace lockstep {

namespace detail {

template <class T>
struct Unnamed {
  using type = T;
};
template <class T>
struct Unnamed<Named<T>> {
  using type = std::remove_cvref_t<T>;
};

/// The type of the object itself, without a name and references.
template <class T>
using Bare = typename Unnamed<std::remove_cvref_t<T>>::type;

template <class T>
inline constexpr bool is_named = !std::same_as<Bare<T>, std::remove_cvref_t<T>>;

template <class T>
inline constexpr bool is_data_loader = false;
template <class D>
inline constexpr bool is_data_loader<DataLoader<D>> = true;

template <class T>
inline constexpr bool is_prepared = false;
template <class M, class A>
inline constexpr bool is_prepared<DistributedModel<M, A>> = true;
template <class O, class A>
inline constexpr bool is_prepared<DistributedOptimizer<O, A>> = true;
template <class S>
inline constexpr bool is_prepared<DistributedSchedule<S>> = true;
template <class L>
inline constexpr bool is_prepared<DataLoaderShard<L>> = true;

/// A schedule whose call operator is no template. Asking whether a module without LOCKSTEP_FIELDS is a schedule would
/// compile its body, with its `auto` parameters, for an integer; the errors would be about that.
template <class T>
concept PlainSchedule = (std::is_pointer_v<T> || requires { sizeof(&T::operator()); }) && Schedule<T>;

enum class Kind { prepared, model, optimizer, loader, schedule, unknown };

template <class T, class A>
consteval Kind kind_of() {
  using B = Bare<T>;
  // Each question is asked only when those before it were answered no.
  if constexpr (is_prepared<B>) {
    return Kind::prepared;
  } else if constexpr (Module<B>) {
    return Kind::model;
  } else if constexpr (Optimizer<B, typename A::Device, typename A::Scalar>) {
    return Kind::optimizer;
  } else if constexpr (is_data_loader<B>) {
    return Kind::loader;
  } else if constexpr (PlainSchedule<B>) {
    return Kind::schedule;
  } else {
    return Kind::unknown;
  }
}

template <class A, class... Objects>
consteval int count_of(Kind kind) {
  return ((kind_of<Objects, A>() == kind) + ... + 0);
}

}  // namespace detail

/// What prepare() accepts: a module (a struct with LOCKSTEP_FIELDS), an optimizer, a DataLoader, a schedule, any of
/// these with a name (ls::named), or what prepare() returned before.
template <class T, class AcceleratorType>
concept Preparable = detail::kind_of<T, AcceleratorType>()
!= detail::Kind::unknown;

/// Each optimizer needs a module in the same call: the i-th optimizer trains the i-th module.
template <class AcceleratorType, class... Objects>
concept EveryOptimizerHasItsModel = detail::count_of<AcceleratorType, Objects...>(detail::Kind::optimizer)
<= detail::count_of<AcceleratorType, Objects...>(detail::Kind::model);

/// Each schedule needs an optimizer in the same call: the i-th schedule, or the only one, drives the i-th optimizer.
template <class AcceleratorType, class... Objects>
concept EveryScheduleHasItsOptimizer = detail::count_of<AcceleratorType, Objects...>(detail::Kind::schedule)
<= detail::count_of<AcceleratorType, Objects...>(detail::Kind::optimizer);

namespace detail {

template <class T>
auto& object_of(T& object) {
  if constexpr (is_named<T>) {
    return object.object;
  } else {
    return object;
  }
}

template <class T>
std::string name_of(const T& object, std::string otherwise) {
  if constexpr (is_named<T>) return object.name;
  return otherwise;
}

/// "loader", then "loader_1", "loader_2": a second loader, usually for evaluation, need not be named.
LOCKSTEP_ON_DEMAND std::string free_loader_name(const StateRegistry& states) {
  std::string name = "loader";
  for (int i = 1; states.contains(name); ++i) name = concat("loader_", i);
  return name;
}

/// What one argument of prepare() becomes. A prepared object passes through: a reference if it was one.
template <class A, class T, Kind K = kind_of<T, A>()>
struct PreparedFrom {
  using type = T;
};
template <class A, class T>
struct PreparedFrom<A, T, Kind::model> {
  using type = DistributedModel<Bare<T>, A>;
};
template <class A, class T>
struct PreparedFrom<A, T, Kind::optimizer> {
  using type = DistributedOptimizer<Bare<T>, A>;
};
template <class A, class T>
struct PreparedFrom<A, T, Kind::loader> {
  using Loader = std::conditional_t<std::is_lvalue_reference_v<T>, const Bare<T>&, Bare<T>>;
  using type = DataLoaderShard<decltype(std::declval<Loader>().sharded(0, 1))>;
};
template <class A, class T>
struct PreparedFrom<A, T, Kind::schedule> {
  using type = DistributedSchedule<Bare<T>>;
};

/// A module that prepare() was given, by copy when the user keeps the original.
template <class A, class T, Kind K = kind_of<T, A>()>
struct OwnedModule {
  explicit OwnedModule(const std::remove_reference_t<T>&) {}
};
template <class A, class T>
struct OwnedModule<A, T, Kind::model> {
  explicit OwnedModule(std::remove_reference_t<T>& object) : module(take(object)) {}

  static Bare<T> take(std::remove_reference_t<T>& object) {
    if constexpr (std::is_lvalue_reference_v<T>) {
      return object_of(object);
    } else {
      return std::move(object_of(object));
    }
  }

  Bare<T> module;
};

/// Models are made first, then optimizers' clocks, then everything else, whatever the order of the arguments.
template <class A, class... Objects>
class Preparation {
 public:
  using Result = std::tuple<typename PreparedFrom<A, Objects>::type...>;

  Preparation(A& accelerator, std::remove_reference_t<Objects>&... objects)
      : accelerator_(&accelerator), modules_(OwnedModule<A, Objects>(objects)...) {}

  Result run(Objects&&... objects) { return run(std::index_sequence_for<Objects...>{}, objects...); }

 private:
  using Replica = typename A::Replica;
  static constexpr std::size_t capacity = sizeof...(Objects) + 1;  // an array needs an element

  template <std::size_t... I>
  Result run(std::index_sequence<I...>, std::remove_reference_t<Objects>&... objects) {
    (bind_model<I, Objects>(), ...);
    (start_clock<Objects>(objects), ...);
    return Result{make<I, Objects>(objects)...};  // in a braced list the calls run from left to right
  }

  template <std::size_t I, class T>
  void bind_model() {
    if constexpr (kind_of<T, A>() == Kind::model) {
      replicas_[models_bound_++] = accelerator_->add_replica(std::get<I>(modules_).module);
    }
  }

  template <class T>
  void start_clock(std::remove_reference_t<T>& object) {
    if constexpr (kind_of<T, A>() == Kind::optimizer) {
      validate(object_of(object));
      auto clock = Shared<OptimizerClock>::make();
      clock->learning_rate = object_of(object).learning_rate;
      clocks_[clocks_started_++] = std::move(clock);
    }
  }

  template <std::size_t I, class T>
  typename PreparedFrom<A, T>::type make(std::remove_reference_t<T>& object) {
    using Prepared = typename PreparedFrom<A, T>::type;
    constexpr Kind kind = kind_of<T, A>();
    A& accelerator = *accelerator_;
    if constexpr (kind == Kind::model) {
      return Prepared(std::move(std::get<I>(modules_).module), name_of(object, "model"), replicas_[models_made_++],
                      accelerator);
    } else if constexpr (kind == Kind::optimizer) {
      const std::size_t i = optimizers_made_++;
      return Prepared(object_of(object), name_of(object, "optimizer"), clocks_[i], replicas_[i], accelerator);
    } else if constexpr (kind == Kind::loader) {
      return Prepared(shard(static_cast<T&&>(object)), name_of(object, free_loader_name(accelerator.states())),
                      accelerator.gradient_state(), accelerator.states());
    } else if constexpr (kind == Kind::schedule) {
      return Prepared(object_of(object), clocks_[schedules_made_++], accelerator.gradient_state());
    } else {
      return static_cast<T&&>(object);
    }
  }

  /// A loader that the user keeps is referred to; one that was handed over is moved in.
  template <class T>
  auto shard(T&& object) {
    if constexpr (std::is_lvalue_reference_v<T>) {
      return std::as_const(object_of(object)).sharded(accelerator_->rank(), accelerator_->world_size());
    } else {
      return std::move(object_of(object)).sharded(accelerator_->rank(), accelerator_->world_size());
    }
  }

  A* accelerator_;
  std::tuple<OwnedModule<A, Objects>...> modules_;
  Shared<Replica> replicas_[capacity];
  Shared<OptimizerClock> clocks_[capacity];
  std::size_t models_bound_ = 0, clocks_started_ = 0;
  std::size_t models_made_ = 0, optimizers_made_ = 0, schedules_made_ = 0;
};

}  // namespace detail

/// prepare() with the types spelled out: `auto [model, optimizer] = ls::prepare<Classifier, ls::AdamW>(accelerator);`
/// makes the objects itself when none are given. Collective.
template <class... Objects, class AcceleratorType>
auto prepare(AcceleratorType& accelerator, Objects... objects) {
  return accelerator.prepare(std::move(objects)...);
}
template <class First, class... Objects, class AcceleratorType>
requires(std::default_initializable<First>&&...&& std::default_initializable<Objects>) auto prepare(
    AcceleratorType& accelerator) {
  return accelerator.prepare(First{}, Objects{}...);
}

}  // namespace lockstep
