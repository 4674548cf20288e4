#!/bin/sh
# What nginx needs before its first start: the CA's certificate, the revocation list, and a certificate of its own. Later starts
# find the certificate and leave it as it is.
set -eu
umask 077
cd /etc/certmate
api() { curl -fsS -H "Authorization: Bearer $CERTMATE_API_TOKEN" "$@"; }

curl -fsS -o ca.pem "$CERTMATE_URL/api/ca/download/pem"

if [ ! -s server.key ]; then
  # That it exists already is no reason to stop: then it is fetched again.
  api -o /dev/null -H 'Content-Type: application/json' "$CERTMATE_URL/api/client-certs" -d '{
    "identifier": "example-nginx", "common_name": "localhost", "certificate_type": "server", "days_valid": 365,
    "subject_alt_names": ["dns:localhost", "dns:nginx"]
  }' || true
  api -o server.pem "$CERTMATE_URL/api/client-certs/example-nginx/download/fullchain"
  api -o server.key.new "$CERTMATE_URL/api/client-certs/example-nginx/download/key"
  mv server.key.new server.key
fi

# Here nobody is to be reloaded yet; from now on nginx is, the process with the id 1.
rm -f reload
sh "$(dirname "$0")/certmate-crl"
echo 'kill -HUP 1' > reload
