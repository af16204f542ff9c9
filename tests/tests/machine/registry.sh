# Starts a registry of images on this host: registry.sh USER PASSWORD.
cd /root
echo 127.0.0.1 registry.test >>/etc/hosts
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=registry.test -addext subjectAltName=DNS:registry.test \
    -addext basicConstraints=critical,CA:FALSE \
    -keyout registry.key -out registry.crt 2>/dev/null
mkdir -p /etc/docker/certs.d/registry.test:5000 /etc/docker/registry
cp registry.crt /etc/docker/certs.d/registry.test:5000/ca.crt
cp registry.crt registry.key /etc/docker/registry
htpasswd -Bbn "$1" "$2" >/etc/docker/registry/htpasswd
cat >/etc/docker/registry/config.yml <<'YAML'
version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/docker-registry
  cache:
    blobdescriptor: inmemory
http:
  addr: :5000
  tls:
    certificate: /etc/docker/registry/registry.crt
    key: /etc/docker/registry/registry.key
auth:
  htpasswd:
    realm: test
    path: /etc/docker/registry/htpasswd
YAML
chown -R docker-registry /etc/docker/registry
systemctl restart docker-registry
for try in 1 2 3 4 5 6 7 8 9 10; do
    docker login --username "$1" --password "$2" registry.test:5000 >/dev/null 2>&1 && exit 0
    sleep 1
done
journalctl --no-pager --unit docker-registry
exit 1
