BEGIN TRANSACTION;
CREATE TABLE batches (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	source TEXT NOT NULL, 
	plan_key TEXT NOT NULL, 
	options TEXT, 
	created_at BIGINT NOT NULL, 
	started_at BIGINT, 
	completed_at BIGINT, 
	entries INTEGER NOT NULL, 
	open_slices INTEGER NOT NULL, 
	images_total BIGINT NOT NULL, 
	images_done BIGINT NOT NULL, 
	images_failed BIGINT NOT NULL, 
	CONSTRAINT pk_batches PRIMARY KEY (id), 
	CONSTRAINT uq_batches_name UNIQUE (name)
);
INSERT INTO "batches" VALUES(1,'old','active','/Users/me/old.txt','b0c2dbd19c1ed1535e91ef437ef40b7ea03612ed76ba10458f00d53a3ae3a9e0','{"model":"demo","variants":null,"compute_unit":null,"num_inference_steps":3,"guidance_scale":7.5,"scheduler":"DPMSolverMultistep","negative_prompt":"","seeds":"3-4","random_seeds":null,"slice_size":25,"chosen":{"demo":{"auto auto":"original ALL"}}}',1795697915884,1795697918344,1795697918816,2,0,4,4,0);
INSERT INTO "batches" VALUES(2,'open','active','/Users/me/old.txt','3ca16d4efa8af01d613ed9624fa36147049fe179abf3f4d06094018bfe2479a0','{"model":"demo","variants":null,"compute_unit":null,"num_inference_steps":3,"guidance_scale":7.5,"scheduler":"DPMSolverMultistep","negative_prompt":"","seeds":"5-9","random_seeds":null,"slice_size":25,"chosen":{"demo":{"auto auto":"original ALL"}}}',1795697920405,NULL,NULL,2,2,10,0,0);
CREATE TABLE benchmarks (
	id INTEGER NOT NULL, 
	measured_at BIGINT NOT NULL, 
	host TEXT NOT NULL, 
	chip TEXT NOT NULL, 
	os TEXT NOT NULL, 
	model TEXT NOT NULL, 
	revision TEXT NOT NULL, 
	attention_implementation TEXT NOT NULL, 
	compute_unit TEXT NOT NULL, 
	unet TEXT NOT NULL, 
	drawn_with BOOLEAN NOT NULL, 
	num_inference_steps INTEGER NOT NULL, 
	images INTEGER NOT NULL, 
	precision TEXT, 
	pipeline TEXT, 
	runtime TEXT, 
	versions TEXT, 
	first_load_ms BIGINT, 
	warm_load_ms BIGINT, 
	step_ms BIGINT, 
	image_ms BIGINT, 
	peak_bytes BIGINT, 
	psnr_db FLOAT, 
	error TEXT, 
	CONSTRAINT pk_benchmarks PRIMARY KEY (id)
);
CREATE TABLE engines (
	id INTEGER NOT NULL, 
	worker TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid BIGINT NOT NULL, 
	pipeline TEXT NOT NULL, 
	runtime TEXT NOT NULL, 
	compute_unit TEXT NOT NULL, 
	precision TEXT NOT NULL, 
	versions TEXT, 
	os TEXT NOT NULL, 
	chip TEXT NOT NULL, 
	load_ms BIGINT NOT NULL, 
	started_at BIGINT NOT NULL, 
	variant_id INTEGER, 
	CONSTRAINT pk_engines PRIMARY KEY (id), 
	CONSTRAINT fk_engines_variant_id FOREIGN KEY(variant_id) REFERENCES variants (id)
);
INSERT INTO "engines" VALUES(1,'studio-8176-ac6b6e','studio',8221,'builtin','onnx','ALL','palettized','{"sdq":"0.1.0","python":"3.11.7","numpy":"2.4.6","tokenizers":"0.23.3","onnxruntime":"1.32.0","translator":"4","safety":"flag"}','Linux 6.18.44-generic','Intel(R) Xeon(R) Processor',2214682,1795697918336,1);
CREATE TABLE identity (
	ledger_id TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_identity PRIMARY KEY (ledger_id)
);
INSERT INTO "identity" VALUES('a59f3e95eb81',1795697907992);
CREATE TABLE images (
	id INTEGER NOT NULL, 
	recipe_id INTEGER NOT NULL, 
	seed BIGINT NOT NULL, 
	status TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	slice_id INTEGER, 
	engine_id INTEGER, 
	finished_at BIGINT, 
	error TEXT, 
	path TEXT, 
	size_bytes BIGINT, 
	sha256 BLOB, 
	pixels_sha256 BLOB, 
	truncated_tokens INTEGER, 
	nsfw_flagged BOOLEAN, 
	concept_scores TEXT, 
	queue_wait_ms BIGINT, 
	text_encode_ms BIGINT, 
	denoise_ms BIGINT, 
	num_unet_calls INTEGER, 
	decode_ms BIGINT, 
	safety_ms BIGINT, 
	encode_ms BIGINT, 
	save_ms BIGINT, 
	CONSTRAINT pk_images PRIMARY KEY (id), 
	CONSTRAINT uq_images_recipe_id_seed UNIQUE (recipe_id, seed), 
	CONSTRAINT fk_images_recipe_id FOREIGN KEY(recipe_id) REFERENCES recipes (id), 
	CONSTRAINT fk_images_slice_id FOREIGN KEY(slice_id) REFERENCES slices (id), 
	CONSTRAINT fk_images_engine_id FOREIGN KEY(engine_id) REFERENCES engines (id)
);
INSERT INTO "images" VALUES(1,1,3,'done',1,1,1,1795697918531,NULL,'old/00001/00001-3.png',16121,X'1A4553803A16BCBF1445BA48BD85F5BE32F7F8FB12ABDC369D01854E14DFE8AE',X'A2C70E4B0293781F43794940479AFA4209A79C7C5DF37538E4A5FE213512D6A8',0,0,'{"concept_00":-0.9564521312713623,"concept_01":-1.954228162765503,"concept_02":-2.2461013793945312,"concept_03":-2.0939371585845947,"concept_04":-1.9055417776107788,"concept_05":-1.80259370803833,"concept_06":-1.8805088996887207,"concept_07":-2.4008922576904297,"concept_08":-2.0438058376312256,"concept_09":-1.7517011165618896,"concept_10":-1.6831458806991577,"concept_11":-1.9748692512512207,"concept_12":-1.8163570165634155,"concept_13":-2.2181220054626465,"concept_14":-2.195319890975952,"concept_15":-1.8263839483261108,"concept_16":-2.1800618171691895}',35697,10060,82782,3,44034,13740,10703,15480);
INSERT INTO "images" VALUES(2,1,4,'done',1,1,1,1795697918635,NULL,'old/00001/00001-4.png',14548,X'346BA088ECF926B508B8E71A3AE6C6081158725DF76849505FE43433FB8BECBC',X'0233C9ECB9EC9EDD1C60875772C61450B8512F5CC850CFFE9E8FB7DCE5B2547E',0,0,'{"concept_00":-0.9459661841392517,"concept_01":-1.9268759489059448,"concept_02":-2.258270502090454,"concept_03":-2.1196415424346924,"concept_04":-1.9023197889328003,"concept_05":-1.8236503601074219,"concept_06":-1.8799306154251099,"concept_07":-2.397355318069458,"concept_08":-2.040046215057373,"concept_09":-1.7300912141799927,"concept_10":-1.6821178197860718,"concept_11":-1.981459617614746,"concept_12":-1.8373485803604126,"concept_13":-2.22271990776062,"concept_14":-2.203650712966919,"concept_15":-1.830145001411438,"concept_16":-2.175405502319336}',35697,0,65114,3,30718,14098,3537,9615);
INSERT INTO "images" VALUES(3,2,3,'done',1,2,1,1795697918740,NULL,'old/00002/00002-3.png',19099,X'7F7DFB98A7C57BA086D5F215B184263295C9231A9CD9AD070746CEA6DDFF1B1B',X'FA59D0527184107B4BFE24EE75E1F67F8B269242A6C73DA7AEBEC03D4F3E450D',0,0,'{"concept_00":-1.047942876815796,"concept_01":-1.9131648540496826,"concept_02":-2.249953508377075,"concept_03":-2.0934293270111084,"concept_04":-1.888137698173523,"concept_05":-1.8275431394577026,"concept_06":-1.8754764795303345,"concept_07":-2.331155776977539,"concept_08":-2.046138286590576,"concept_09":-1.7386032342910767,"concept_10":-1.7166142463684082,"concept_11":-1.9726282358169556,"concept_12":-1.8229649066925049,"concept_13":-2.2434792518615723,"concept_14":-2.1869120597839355,"concept_15":-1.838272213935852,"concept_16":-2.203004837036133}',2646235,6363,55825,3,37698,7804,5117,5364);
INSERT INTO "images" VALUES(4,2,4,'done',1,2,1,1795697918810,NULL,'old/00002/00002-4.png',17838,X'04F084AA729216BDD8D31C1216E87707AEBD53B215229EEAD5463FE9866C030C',X'AB32FBBE775CD8EE607321A5CC0560316A0D7BB034A542BD96AD94781CD0CA6C',0,0,'{"concept_00":-1.026571273803711,"concept_01":-1.879942536354065,"concept_02":-2.2739222049713135,"concept_03":-2.127354145050049,"concept_04":-1.8969773054122925,"concept_05":-1.8375970125198364,"concept_06":-1.8841627836227417,"concept_07":-2.3487277030944824,"concept_08":-2.0526390075683594,"concept_09":-1.722475528717041,"concept_10":-1.6903334856033325,"concept_11":-1.9732029438018799,"concept_12":-1.8567678928375244,"concept_13":-2.2367827892303467,"concept_14":-2.1828556060791016,"concept_15":-1.83138108253479,"concept_16":-2.2143709659576416}',2646235,0,42389,3,23717,7329,2955,1741);
CREATE TABLE recipes (
	id INTEGER NOT NULL, 
	content_key BLOB NOT NULL, 
	variant_id INTEGER NOT NULL, 
	prompt TEXT NOT NULL, 
	negative_prompt TEXT NOT NULL, 
	num_inference_steps INTEGER NOT NULL, 
	guidance_scale FLOAT NOT NULL, 
	scheduler TEXT NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	rng TEXT NOT NULL, 
	CONSTRAINT pk_recipes PRIMARY KEY (id), 
	CONSTRAINT uq_recipes_content_key UNIQUE (content_key), 
	CONSTRAINT fk_recipes_variant_id FOREIGN KEY(variant_id) REFERENCES variants (id)
);
INSERT INTO "recipes" VALUES(1,X'BBBD992A0E33FC76692B363AD3F760E52178E19BB52B68EA5A7766AA8553DCEF',1,'the sea at night','',3,7.5,'DPMSolverMultistep',128,128,'numpy');
INSERT INTO "recipes" VALUES(2,X'0078DFAC957A36AD39FA52BAD695BF7FAE0B4DD12A9E14D004BCD0F66D40ECFF',1,'a house on a hill','',3,7.5,'DPMSolverMultistep',128,128,'numpy');
CREATE TABLE sdq_revision (version_num VARCHAR(32) NOT NULL, CONSTRAINT sdq_revision_pkc PRIMARY KEY (version_num));
INSERT INTO "sdq_revision" VALUES('0003_engine_variant');
CREATE TABLE slices (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	entry INTEGER NOT NULL, 
	recipe_id INTEGER NOT NULL, 
	seeds TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	fields TEXT, 
	created_at BIGINT NOT NULL, 
	finished_at BIGINT, 
	done INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	CONSTRAINT pk_slices PRIMARY KEY (id), 
	CONSTRAINT uq_slices_batch_id_recipe_id_seeds UNIQUE (batch_id, recipe_id, seeds), 
	CONSTRAINT fk_slices_batch_id FOREIGN KEY(batch_id) REFERENCES batches (id), 
	CONSTRAINT fk_slices_recipe_id FOREIGN KEY(recipe_id) REFERENCES recipes (id)
);
INSERT INTO "slices" VALUES(1,1,1,1,'3-4',2,NULL,1795697915884,1795697918637,2,0);
INSERT INTO "slices" VALUES(2,1,2,2,'3-4',2,NULL,1795697915884,1795697918816,2,0);
INSERT INTO "slices" VALUES(3,2,1,1,'5-9',5,NULL,1795697920405,NULL,0,0);
INSERT INTO "slices" VALUES(4,2,2,2,'5-9',5,NULL,1795697920405,NULL,0,0);
CREATE TABLE variants (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	model TEXT NOT NULL, 
	revision TEXT NOT NULL, 
	attention_implementation TEXT NOT NULL, 
	compute_unit TEXT NOT NULL, 
	paused_since BIGINT, 
	pause_reason TEXT, 
	CONSTRAINT pk_variants PRIMARY KEY (id), 
	CONSTRAINT uq_variants_key UNIQUE ("key")
);
INSERT INTO "variants" VALUES(1,'e0b24145e962bca6','demo','0c54970060819556','original','ALL',NULL,NULL);
CREATE INDEX ix_benchmarks_model ON benchmarks (model);
CREATE INDEX ix_slices_begun ON slices (batch_id) WHERE finished_at IS NULL AND (done > 0 OR failed > 0);
CREATE INDEX ix_slices_open ON slices (id) WHERE finished_at IS NULL;
CREATE INDEX ix_slices_failed ON slices (batch_id) WHERE failed > 0;
COMMIT;
