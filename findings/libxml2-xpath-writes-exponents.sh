#!/usr/bin/env bash
# xmllint of libxml2 2.9.14 (Debian 12: libxml2-utils and libxml2 2.9.14+dfsg-1.3~deb12u6), XPath 1.0.
#
# Guess: string(//@bytes * 2) writes all digits, as XPath 1.0 has no exponents; and "2e9" is no number, for the same
#        reason.
# Seen: whole numbers from 2,147,483,647 on have an exponent and 15 digits: 2147483646 is written so, 3000000000 as
#       3e+09, 1764322200123456789 as 1.76432220012346e+18; numbers with a fraction from 1,000,000,000 on, and those
#       below 0.00001. Read, "2e9" is 2,000,000,000, so that sum() takes in what other processors call NaN.
# Why it matters: a script that takes bytes, flop/s or nanoseconds out of XML with `xmllint --xpath` works up to 2 GB;
#       from there on the shell's arithmetic takes it for no number, and `${x%%.*}` makes 2 of 2.147483647e+09.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -qq -o APT::Sandbox::User=root download libxml2-utils=2.9.14+dfsg-1.3~deb12u6 libxml2=2.9.14+dfsg-1.3~deb12u6 \
  libicu72=72.1-3+deb12u1 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(gcc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
echo '<site><disk bytes="1500000000"/><disk bytes="15e8"/></site>' >site.xml
ask() { root/usr/bin/xmllint --xpath "$1" site.xml; }
seen=$(for question in 'string(2147483646)' 'string(2147483647)' 'string(//disk[1]/@bytes * 2)' 'string(1764322200123456789)' \
  'string(0.00001)' 'string(0.000009)' 'string(999999999.5)' 'string(1000000001.5)' 'string(number("2e9"))' 'string(sum(//@bytes))'; do
  echo "$question $(ask "$question")"
done)
echo "$seen"
[ "$seen" = 'string(2147483646) 2147483646
string(2147483647) 2.147483647e+09
string(//disk[1]/@bytes * 2) 3e+09
string(1764322200123456789) 1.76432220012346e+18
string(0.00001) 0.00001
string(0.000009) 9e-06
string(999999999.5) 999999999.5
string(1000000001.5) 1.0000000015e+09
string(number("2e9")) 2000000000
string(sum(//@bytes)) 3e+09' ]
