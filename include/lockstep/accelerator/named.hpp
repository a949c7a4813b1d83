// Gives an object a name of its own in prepare(), under which checkpoints keep it.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

namespace lockstep {

/// An object and its name.
template <class T>
struct Named {
  std::string name;
  T object;
};

/// prepare(ls::named("generator", Generator{}), ...): needed when one accelerator has several objects of a kind.
template <class T>
Named<T> named(std::string name, T&& object) {
  return {std::move(name), std::forward<T>(object)};
}

}  // namespace lockstep
