// Where each parameter of a module lies in the model's flat buffers.
#pragma once

#include <lockstep/core/on_demand.hpp>
#include <lockstep/nn/fields.hpp>
#include <lockstep/tensor/memory.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep {

/// One parameter's place; offsets count elements.
struct ParameterRange {
  std::string name;
  Shape shape;
  std::int64_t offset = 0;
  bool trainable = true;

  std::int64_t end() const { return offset + shape.numel(); }
};

/// The places of all parameters, in the order of the module's fields: trainable ones first, because gradients and
/// optimizer state exist for that part alone. Every parameter starts on a 64-byte boundary; the gaps hold zeros.
struct ParameterLayout {
  std::vector<ParameterRange> ranges;  // trainable ones first, by offset
  std::int64_t trainable_size = 0;     // elements of the gradient buffer
  std::int64_t size = 0;               // elements of the value buffer
  std::size_t trainable_count = 0;     // the first so many ranges are trainable

  template <Module M>
  static ParameterLayout of(const M& module, std::size_t element_size) {
    const auto line = static_cast<std::int64_t>(memory_alignment / element_size);
    ParameterLayout layout;
    const auto place = [&](bool trainable) {
      for_each_parameter(module, [&](const std::string& name, const Parameter& parameter) {
        if (parameter.trainable != trainable) return;
        layout.ranges.push_back({name, parameter.shape, layout.size, trainable});
        layout.size += (parameter.shape.numel() + line - 1) / line * line;
      });
    };
    place(true);
    layout.trainable_size = layout.size;
    layout.trainable_count = layout.ranges.size();
    place(false);
    layout.refuse_duplicates();
    return layout;
  }

 private:
  LOCKSTEP_ON_DEMAND void refuse_duplicates() const {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      for (std::size_t j = i + 1; j < ranges.size(); ++j) {
        if (ranges[i].name == ranges[j].name) {
          throw ArgumentError(concat("module: the field '", ranges[i].name, "' is listed twice in LOCKSTEP_FIELDS"));
        }
      }
    }
  }
};

}  // namespace lockstep
