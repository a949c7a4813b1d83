// Durations and clocks of std::chrono. Where the standard library keeps them in a header of their own, only that one is
// read: GCC's <chrono> also brings calendars, string streams and locales, a tenth of a second in every file.
#pragma once

#if __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif
