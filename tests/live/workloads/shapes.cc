// SPDX-License-Identifier: Apache-2.0

// Names that C++ mangles: a member of a class template in a namespace, and an operator.
#include "work.h"

namespace mills
{
template <typename Grain, int Stones> class Mill
{
      public:
	KEEP void grind(Grain steps)
	{
		work(3 * static_cast<uint64_t>(steps));
	}
};

struct Sieve {
	KEEP void operator()(unsigned long steps) const
	{
		work(steps);
	}
};
} // namespace mills

int main()
{
	mills::Mill<long, 2> mill;
	mills::Sieve sieve;

	say_ready();
	for (;;) {
		uint64_t unit = jitter();

		mill.grind(static_cast<long>(unit));
		sieve(unit);
	}
}
