//! Files as their authors commit them, through all readers.

use super::*;

fn said(path: &str, text: &str) -> Vec<String> {
    let kind = FileKind::of(path).expect("a kind");
    let found = read(path, kind, text.as_bytes()).expect("readable");
    let one = |image: Image| {
        let name = match (&image.host, &image.path) {
            (Some(host), Some(path)) => format!("{host}/{path}"),
            _ => "unknown".to_owned(),
        };
        let maybe = if image.certainty == Certainty::Maybe { " maybe" } else { "" };
        format!("{}:{} {} {name}{maybe}", image.line, image.column, image.role.word())
    };
    found.images.into_iter().map(one).collect()
}

#[test]
fn files_are_known_by_their_names() {
    for (path, kind) in [
        ("Dockerfile", Some(FileKind::Dockerfile)),
        ("a/Dockerfile.prod", Some(FileKind::Dockerfile)),
        ("a/prod.Dockerfile", Some(FileKind::Dockerfile)),
        ("Containerfile", Some(FileKind::Dockerfile)),
        ("src/dockerfile.rs", None),
        ("Dockerfile.dockerignore", None),
        ("k8s/a.yaml", Some(FileKind::Yaml)),
        (".env", Some(FileKind::Settings)),
        (".env.production", Some(FileKind::Settings)),
        ("app.properties", Some(FileKind::Settings)),
        ("src/main.rs", None),
        ("README.md", None),
    ] {
        assert_eq!(FileKind::of(path), kind, "{path}");
    }
}

#[test]
fn every_pod_of_kubernetes_is_found_wherever_it_stands() {
    let text = "apiVersion: batch/v1\nkind: CronJob\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n\
                \x20         initContainers:\n          - {name: i, image: ghcr.io/acme/init:1}\n          containers:\n\
                \x20         - name: c\n            image: \"ghcr.io/acme/job:1\"\n---\n\
                apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec:\n    ephemeralContainers:\n\
                \x20   - image: busybox\n    volumes:\n    - image: {reference: quay.io/acme/data:2}\n\
                - apiVersion: apps/v1\n  kind: StatefulSet\n  spec: {template: {spec: {containers: [{image: a/b}]}}}\n---\n\
                apiVersion: tekton.dev/v1\nkind: Task\nspec:\n  steps:\n  - image: docker.io/acme/step\n";
    assert_eq!(
        said("k8s/all.yaml", text),
        [
            "9:30 init-container ghcr.io/acme/init",
            "12:20 container ghcr.io/acme/job",
            "21:14 ephemeral-container docker.io/library/busybox",
            "23:26 volume quay.io/acme/data",
            "26:49 container docker.io/a/b",
            "32:12 other docker.io/acme/step maybe",
        ]
    );
    let json = "{\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\",\n \"spec\": {\"template\": {\"spec\": {\"containers\": [\n  {\"im\\u0061ge\": \"evil.example/x\"}]}}}}";
    assert_eq!(said("k8s/a.json", json), ["3:18 container evil.example/x"]);
}

#[test]
fn an_anchor_or_a_key_that_stands_twice_hides_nothing() {
    let text = "x: &c {image: evil.example/a}\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - *c\n  - image: a/b\n    image: evil.example/c\n";
    assert_eq!(
        said("p.yaml", text),
        ["1:15 container evil.example/a", "7:12 container docker.io/a/b", "8:12 container evil.example/c"]
    );
}

#[test]
fn compose_workflows_and_pipelines_are_read() {
    let compose = "services:\n  db:\n    image: postgres:16\n  app:\n    build: .\n    image: registry.acme.example/app\n  \
                   cache: {image: \"${REGISTRY:-docker.io}/redis:7\"}\n  x:\n    image: ${IMAGE}\n";
    assert_eq!(
        said("docker-compose.yml", compose),
        ["3:12 service docker.io/library/postgres", "7:18 service docker.io/library/redis", "9:12 service unknown"]
    );
    let workflow = "on: push\njobs:\n  a:\n    container: node:22\n    services:\n      db: {image: postgres}\n    steps:\n    \
                    - uses: actions/checkout@v4\n    - uses: docker://ghcr.io/acme/lint:1\n  b:\n    container:\n      image: ${{ matrix.image }}\n";
    assert_eq!(
        said(".github/workflows/ci.yml", workflow),
        [
            "4:16 job docker.io/library/node",
            "6:19 service docker.io/library/postgres",
            "9:13 step ghcr.io/acme/lint",
            "12:14 job unknown"
        ]
    );
    assert_eq!(said("action.yml", "runs:\n  using: docker\n  image: Dockerfile\n"), Vec::<String>::new());
    assert_eq!(
        said("action.yml", "runs: {using: docker, image: 'docker://alpine:3'}"),
        ["1:30 step docker.io/library/alpine"]
    );
    let gitlab = "image: ruby:3\ndefault: {services: [postgres:16]}\ntest:\n  image: {name: ghcr.io/acme/ci:1, entrypoint: ['']}\n  \
                  services:\n  - {name: $REG/x}\n";
    assert_eq!(
        said(".gitlab-ci.yml", gitlab),
        [
            "1:8 job docker.io/library/ruby",
            "2:22 service docker.io/library/postgres",
            "4:17 job ghcr.io/acme/ci",
            "6:12 service unknown"
        ]
    );
}

#[test]
fn what_kustomize_and_the_values_of_charts_put_in_place_is_read() {
    let text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages:\n- {name: app, newName: ghcr.io/acme/app, newTag: '1'}\n";
    assert_eq!(said("kustomization.yaml", text), ["4:24 override ghcr.io/acme/app"]);
    let values = "image:\n  registry: ghcr.io\n  repository: acme/app\n  tag: '1'\nlogo: {image: /a.png}\nhero_image: x.jpg\nsidecarImage: busybox\n";
    assert_eq!(
        said("chart/values.yaml", values),
        ["3:15 other ghcr.io/acme/app maybe", "7:15 other docker.io/library/busybox maybe"]
    );
}

#[test]
fn what_cannot_be_read_is_said_with_what_it_may_hold() {
    let unread = |path: &str, bytes: &[u8]| read(path, FileKind::of(path).unwrap(), bytes).unwrap_err();
    let template = unread("chart/templates/a.yaml", b"image: {{ .Values.image }}\n");
    assert!(template.why.contains("template") && template.lacks.contains(&Part::Images));
    assert!(template.lacks.contains(&Part::Connections));
    // No word in it says what is included.
    assert_eq!(unread("c/templates/d.yaml", b"{{ include \"common.deployment\" . }}\n").lacks.len(), 2);
    assert_eq!(unread("a.yaml", b"image: [").lacks, BTreeSet::from([Part::Images]));
    assert_eq!(unread("a.yaml", b"image: \xff redis://").lacks, BTreeSet::from([Part::Images, Part::Connections]));
    assert_eq!(unread("Dockerfile", b"version https://git-lfs.github.com/spec/v1\n").lacks.len(), 2);
    let mut large = b"image: a\n".to_vec();
    large.resize(limits::CONFIG_FILE_BYTES + 1, b'\n');
    assert!(unread("a.yaml", &large).lacks.contains(&Part::Images));
    let wide: Vec<u8> = "image: a".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(unread("a.yaml", &wide).lacks.len(), 2);
    // What does not parse and cannot hold anything is as good as read.
    assert_eq!(read("tsconfig.json", FileKind::Json, b"{ // comment\n}").unwrap(), Found::default());
    assert!(read("a.json", FileKind::Json, b"{ // \\u0069\n").is_err());
}

#[test]
fn a_connection_is_found_in_a_file_of_any_kind() {
    for (path, text) in [
        ("compose.yaml", "services:\n  a:\n    environment: {U: 'redis://r.example'}\n"),
        ("Dockerfile", "FROM scratch\nENV U=redis://r.example\n"),
        ("app.toml", "u = \"redis://r.example\"\n"),
        (".env", "U=redis://r.example\n"),
        ("a.yaml", "image: [\nredis://r.example"),
    ] {
        let kind = FileKind::of(path).unwrap();
        match read(path, kind, text.as_bytes()) {
            Ok(found) => assert_eq!(found.connections.len(), 1, "{path}"),
            Err(unread) => assert!(unread.lacks.contains(&Part::Images), "{path}"),
        }
    }
}
