"""The countries a supporter can be in: ISO 3166-1, by two-letter code."""

import pycountry

COUNTRIES: dict[str, str] = {
    country.alpha_2: getattr(country, "common_name", country.name) for country in pycountry.countries
}
BY_NAME: list[tuple[str, str]] = sorted(COUNTRIES.items(), key=lambda pair: pair[1])
