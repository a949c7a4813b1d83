// The loss curve as an SVG picture.
#pragma once

#include "entropy.hpp"
#include "metrics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace gpt {

namespace detail {

/// A plot area with its axes; appends elements to the picture's text.
class Picture {
 public:
  Picture(double last_step, double low, double high) : last_step_(last_step), low_(low), high_(high) {
    format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" viewBox=\"0 0 %g %g\" ", width, height,
           width, height);
    text_ += "font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\" font-size=\"13\">\n";
    format("<rect width=\"%g\" height=\"%g\" fill=\"white\"/>\n", width, height);
    format("<clipPath id=\"plot\"><rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\"/></clipPath>\n", left, top,
           right - left + 6, bottom - top);
  }

  void axes() {
    for (double y = low_; y < high_ + 1e-9; y += nice_step(high_ - low_, 8)) {
      line(left, at_y(y), right, at_y(y), "#e4e4e4");
      label(left - 8, at_y(y) + 4, "end", "#333333", number(y));
    }
    for (double x = 0; x < last_step_ + 1e-9; x += nice_step(last_step_, 8)) {
      line(at_x(x), bottom, at_x(x), bottom + 5, "#333333");
      label(at_x(x), bottom + 20, "middle", "#333333", number(x));
    }
    line(left, bottom, right, bottom, "#333333");
    line(left, top, left, bottom, "#333333");
    label((left + right) / 2, height - 12, "middle", "#333333", "optimizer step");
    format("<text transform=\"translate(18 %g) rotate(-90)\" text-anchor=\"middle\" fill=\"#333333\">",
           (top + bottom) / 2);
    text_ += "bits per byte</text>\n";
  }

  /// A dashed line over the whole width with its label at the right end.
  void level(double y, const char* color, std::string_view name) {
    if (y < low_ || y > high_) return;
    format("<line x1=\"%g\" y1=\"%.1f\" x2=\"%g\" y2=\"%.1f\" stroke=\"%s\" stroke-dasharray=\"6 4\"/>\n", left,
           at_y(y), right, at_y(y), color);
    label(right - 6, at_y(y) - 6, "end", color, name);
  }

  void curve(const std::vector<Point>& points, const char* color, double thickness, bool dots) {
    text_ += "<g clip-path=\"url(#plot)\">\n<polyline fill=\"none\" stroke-linejoin=\"round\" points=\"";
    for (const Point& point : points) {
      format("%.1f,%.1f ", at_x(static_cast<double>(point.step)), at_y(point.bits_per_byte));
    }
    format("\" stroke=\"%s\" stroke-width=\"%g\"/>\n", color, thickness);
    for (const Point& point : points) {
      if (!dots) break;
      format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", at_x(static_cast<double>(point.step)),
             at_y(point.bits_per_byte), color);
    }
    text_ += "</g>\n";
  }

  void label(double x, double y, const char* anchor, const char* color, std::string_view words) {
    format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\">", x, y, anchor, color);
    text_.append(words);
    text_ += "</text>\n";
  }

  /// An entry of the legend at the top.
  void key(double x, const char* color, std::string_view name) {
    format("<line x1=\"%g\" y1=\"%g\" x2=\"%g\" y2=\"%g\" stroke=\"%s\" stroke-width=\"3\"/>\n", x, top - 18, x + 26,
           top - 18, color);
    label(x + 33, top - 14, "start", "#333333", name);
  }

  std::string finish() && { return std::move(text_) + "</svg>\n"; }

  static constexpr double width = 760, height = 440, left = 64, right = 736, top = 44, bottom = 384;

 private:
  template <class... Arguments>
  void format(const char* pattern, Arguments... arguments) {
    char buffer[512];
    std::snprintf(buffer, sizeof buffer, pattern, arguments...);
    text_ += buffer;
  }

  void line(double x1, double y1, double x2, double y2, const char* color) {
    format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2, color);
  }

  double at_x(double step) const { return left + (right - left) * step / last_step_; }
  double at_y(double bits) const { return bottom - (bottom - top) * (bits - low_) / (high_ - low_); }

  /// 1, 2 or 5 times a power of ten, so that there are at most `count` ticks.
  static double nice_step(double range, int count) {
    const double power = std::pow(10.0, std::floor(std::log10(range / count)));
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor * power * count >= range) return factor * power;
    }
    return 10 * power;
  }

  static std::string number(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%g", std::round(value * 1e6) / 1e6);
    return buffer;
  }

  double last_step_, low_, high_;
  std::string text_;
};

/// Each point with the mean of itself and those around it, because single steps are noisy.
inline std::vector<Point> smoothed(const std::vector<Point>& points) {
  const std::size_t reach = points.size() / 40;
  std::vector<Point> result = points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t radius = std::min({reach, i, points.size() - 1 - i});
    double sum = 0;
    for (std::size_t j = i - radius; j <= i + radius; ++j) sum += points[j].bits_per_byte;
    result[i].bits_per_byte = sum / static_cast<double>(2 * radius + 1);
  }
  return result;
}

}  // namespace detail

/// The picture of a run: training and held-out curve, and what counting bytes achieves.
inline std::string loss_curve(const Metrics& metrics, const Entropies& entropies) {
  double lowest = std::min(entropies.bigram, entropies.unigram);
  std::int64_t last_step = 1;
  const std::vector<Point> training = detail::smoothed(metrics.training());
  for (const auto* points : {&training, &metrics.held_out()}) {
    for (const Point& point : *points) {
      lowest = std::min(lowest, point.bits_per_byte);
      last_step = std::max(last_step, point.step);
    }
  }
  // The first steps fall from 8 bits; what comes after is of interest.
  detail::Picture picture(static_cast<double>(last_step), std::floor(lowest), std::ceil(entropies.unigram + 0.25));
  picture.axes();
  picture.level(entropies.unigram, "#7a7a7a", "unigram counts");
  picture.level(entropies.bigram, "#7a7a7a", "bigram counts");
  picture.curve(metrics.training(), "#c6daee", 1, false);
  picture.curve(training, "#3f7fbf", 2, false);
  picture.curve(metrics.held_out(), "#c44e1c", 2, true);
  picture.key(detail::Picture::left, "#3f7fbf", "training");
  picture.key(detail::Picture::left + 120, "#c44e1c", "held-out text");
  return std::move(picture).finish();
}

}  // namespace gpt
