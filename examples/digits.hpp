// Images of digits: from IDX files such as MNIST's, or drawn from a small font with random position, size, slant and
// noise, so that the example runs without any file.
#pragma once

#include <lockstep/core/philox.hpp>
#include <lockstep/data/idx.hpp>
#include <lockstep/data/tensor_dataset.hpp>
#include <lockstep/io/file_operations.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace digits {

namespace ls = lockstep;

using Dataset = ls::TensorDataset<float, std::int32_t>;  // inputs [n, rows * columns], targets [n]

struct Data {
  Dataset training, held_out;
  std::int64_t pixels;
};

/// Rows of 5 pixels, the highest bit on the left, 7 rows a digit.
inline constexpr std::array<std::array<std::uint8_t, 7>, 10> font = {{{14, 17, 19, 21, 25, 17, 14},
                                                                      {4, 12, 4, 4, 4, 4, 14},
                                                                      {14, 17, 1, 2, 4, 8, 31},
                                                                      {31, 2, 4, 2, 1, 17, 14},
                                                                      {2, 6, 10, 18, 31, 2, 2},
                                                                      {31, 16, 30, 1, 1, 17, 14},
                                                                      {6, 8, 16, 30, 17, 17, 14},
                                                                      {31, 1, 2, 4, 8, 8, 8},
                                                                      {14, 17, 17, 14, 17, 17, 14},
                                                                      {14, 17, 17, 15, 1, 2, 12}}};

/// Draws `count` digits of 20 x 20 pixels.
inline Dataset draw(std::int64_t count, std::uint64_t seed) {
  constexpr std::int64_t extent = 20;
  ls::Tensor<float> images({count, extent * extent});
  ls::Tensor<std::int32_t> labels({count});
  ls::Philox random(seed);
  for (std::int64_t n = 0; n < count; ++n) {
    const auto label = static_cast<std::int32_t>(random.below(10));
    const float size = 1.6F + 0.8F * random.uniform(), slant = 0.8F * (random.uniform() - 0.5F);
    const float left = 10 + 5 * (random.uniform() - 0.5F), top = 10 + 4 * (random.uniform() - 0.5F);
    labels.data()[n] = label;
    float* image = images.data() + n * extent * extent;
    for (std::int64_t i = 0; i < extent * extent; ++i) {
      const float y = (static_cast<float>(i / extent) - top) / size;
      const float x = (static_cast<float>(i % extent) - left) / size + slant * y;
      const int row = static_cast<int>(std::floor(y + 3.5F)), column = static_cast<int>(std::floor(x + 2.5F));
      const bool inside = row >= 0 && row < 7 && column >= 0 && column < 5;
      const bool ink =
          inside && ((font[static_cast<std::size_t>(label)][static_cast<std::size_t>(row)] >> (4 - column)) & 1) != 0;
      image[i] = (ink ? 1.0F : 0.0F) + 0.3F * static_cast<float>(random.normal());
    }
  }
  return {std::move(images), std::move(labels)};
}

/// Rows [first, last) of a pair of IDX files, with pixels scaled to about zero mean and unit variance.
inline Dataset select(const ls::Tensor<std::uint8_t>& images, const ls::Tensor<std::uint8_t>& labels,
                      std::int64_t first, std::int64_t last) {
  const std::int64_t pixels = images.numel() / images.extent(0);
  ls::Tensor<float> inputs({last - first, pixels});
  ls::Tensor<std::int32_t> targets({last - first});
  for (std::int64_t i = 0; i < inputs.numel(); ++i) {
    inputs.data()[i] = (static_cast<float>(images.data()[first * pixels + i]) / 255 - 0.13F) / 0.31F;
  }
  for (std::int64_t i = 0; i < last - first; ++i) {
    const std::uint8_t label = labels.data()[first + i];
    if (label > 9) throw ls::ArgumentError(ls::concat("label ", label, " is no digit"));
    targets.data()[i] = label;
  }
  return {std::move(inputs), std::move(targets)};
}

/// Reads a directory with MNIST's four files, or one pair of files of which the last fifth is held out.
inline Data read(const std::vector<std::string>& paths) {
  std::vector<std::string> files = paths;  // images, labels; of training, then held out
  if (files.size() == 1) {
    files.clear();
    for (const char* part : {"train", "t10k"}) {
      const std::string stem = paths[0] + "/" + part;
      if (!ls::path_exists(stem + "-images-idx3-ubyte")) continue;
      files.insert(files.end(), {stem + "-images-idx3-ubyte", stem + "-labels-idx1-ubyte"});
    }
  }
  if (files.size() != 2 && files.size() != 4) {
    throw ls::ArgumentError(
        ls::concat("--data needs a directory with train-images-idx3-ubyte and train-labels-idx1-ubyte, or "
                   "t10k-..., or both; or the paths of an image and a label file; got '",
                   paths[0], "'"));
  }
  std::vector<ls::Tensor<std::uint8_t>> tensors;
  for (const std::string& file : files) tensors.push_back(ls::read_idx(file));
  for (std::size_t i = 0; i < files.size(); i += 2) {
    const bool fits = tensors[i].rank() == 3 && tensors[i + 1].rank() == 1 &&
                      tensors[i].extent(0) == tensors[i + 1].extent(0) && tensors[i].extent(0) >= 10;
    if (!fits) {
      throw ls::ShapeError(ls::concat("needed are images [n, rows, columns] and labels [n], n at least 10; '", files[i],
                                      "' is ", tensors[i].shape(), ", '", files[i + 1], "' is ",
                                      tensors[i + 1].shape()));
    }
  }
  const std::int64_t count = tensors[0].extent(0), pixels = tensors[0].numel() / count;
  if (files.size() == 4) {
    return {select(tensors[0], tensors[1], 0, count), select(tensors[2], tensors[3], 0, tensors[2].extent(0)), pixels};
  }
  const std::int64_t cut = count - count / 5;
  return {select(tensors[0], tensors[1], 0, cut), select(tensors[0], tensors[1], cut, count), pixels};
}

/// The data that a command line asks for: words after --data, else drawn digits.
inline Data load(std::span<char*> arguments) {
  if (arguments.empty()) {
    return {draw(20000, 1), draw(2000, 2), 400};
  }
  if (std::string_view(arguments[0]) != "--data" || arguments.size() < 2) {
    throw ls::ArgumentError("usage: 02_mlp_digits [--data DIRECTORY | --data IMAGES LABELS]");
  }
  return read({arguments.begin() + 1, arguments.end()});
}

}  // namespace digits
