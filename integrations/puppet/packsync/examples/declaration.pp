packsync::declaration { '/etc/packsync':
  subscribe => File['/etc/packsync'],
}

file { '/etc/packsync':
  ensure  => directory,
  source  => 'puppet:///modules/profile/packsync',
  recurse => true,
}
