# One declaration whose packs are kept on this host: asked with `packsync check`,
# and applied only if something differs. No shell is involved.
#
# @param dir Directory of packs.hcl and packs.lock.json.
# @param packsync Path of the packsync binary.
# @param locked Fail instead of changing the lock: a host decides about no version.
# @param offline Use no network, only what is cached.
# @param target Only these packs, and what they depend on.
# @param var_files Files with values of variables.
# @param environment NAME=VALUE. Puppet keeps no secret that is given so: use
#   var_files, or `file` in the variable block, for those.
# @param lock_timeout How long to wait for another run.
# @param timeout Seconds after which Puppet gives up; it is safe at any time.
define packsync::declaration (
  Pattern[/\A\//]                                  $dir          = $title,
  Pattern[/\A\//]                                  $packsync     = '/usr/bin/packsync',
  Boolean                                          $locked       = true,
  Boolean                                          $offline      = false,
  Array[Pattern[/\A[a-z0-9_]+\z/]]                 $target       = [],
  Array[Pattern[/\A\//]]                           $var_files    = [],
  Array[Pattern[/\A[A-Za-z_]\w*=/]]                $environment  = [],
  String[1]                                        $lock_timeout = '5m',
  Integer[0]                                       $timeout      = 3600,
) {
  $options = ["--chdir=${dir}", '--no-input', '--color=never', "--lock-timeout=${lock_timeout}"]
  + $var_files.map |$path| { "--var-file=${path}" }
  + $target.map |$ref| { "--target=${ref}" }
  + ($locked ? { true => ['--locked'], default => [] })
  + ($offline ? { true => ['--offline'], default => [] })

  exec { "packsync apply ${title}":
    command     => [$packsync, 'apply', '--auto-approve'] + $options,
    unless      => [[$packsync, 'check'] + $options],
    environment => $environment,
    logoutput   => true,
    timeout     => $timeout,
    provider    => 'posix',
  }
}
